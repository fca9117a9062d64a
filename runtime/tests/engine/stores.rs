//! Stores that stand between an engine and a real file: they watch, fail, stop or forbid.

use async_trait::async_trait;
use countersign::core::audit::{Blob, Frontier};
use countersign::core::id::TenantId;
use countersign::store::{
    CallFilter, CallRow, CheckpointRow, Commit, Committed, Directory, EdgeFilter, EdgeRow, EntryRow,
    GrantFilter, GrantRow, HistoryFilter, RunEventRow, RunFilter, RunRow, Sqlite, Store, StoreError,
};
use countersign::{CallId, Digest, GrantId, RunId};

/// What happens before a real store is asked.
#[async_trait]
pub(crate) trait Guard: Send + Sync + 'static {
    /// Makes the commit, or does not.
    async fn commit(&self, store: &Sqlite, commit: Commit) -> Result<Committed, StoreError>;

    /// Before anything is read.
    async fn read(&self, _what: &'static str) -> Result<(), StoreError> {
        Ok(())
    }

    /// After it was read, before the engine gets it.
    async fn was_read(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A real store behind a guard.
pub(crate) struct Guarded<G> {
    pub(crate) store: Sqlite,
    pub(crate) guard: G,
}

#[async_trait]
impl<G: Guard> Store for Guarded<G> {
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.guard.commit(&self.store, commit).await
    }

    async fn call(&self, tenant: &TenantId, id: CallId) -> Result<Option<CallRow>, StoreError> {
        self.guard.read("call").await?;
        let found = self.store.call(tenant, id).await?;
        self.guard.was_read().await?;
        Ok(found)
    }

    async fn calls(
        &self,
        tenant: &TenantId,
        filter: &CallFilter,
        after: Option<CallId>,
        limit: usize,
    ) -> Result<Vec<CallRow>, StoreError> {
        self.guard.read("calls").await?;
        let found = self.store.calls(tenant, filter, after, limit).await?;
        self.guard.was_read().await?;
        Ok(found)
    }

    async fn history(
        &self,
        tenant: &TenantId,
        filter: &HistoryFilter,
        before: Option<CallId>,
        limit: usize,
    ) -> Result<Vec<CallRow>, StoreError> {
        self.guard.read("history").await?;
        let found = self.store.history(tenant, filter, before, limit).await?;
        self.guard.was_read().await?;
        Ok(found)
    }

    async fn grant(&self, tenant: &TenantId, id: GrantId) -> Result<Option<GrantRow>, StoreError> {
        self.guard.read("grant").await?;
        self.store.grant(tenant, id).await
    }

    async fn grants(
        &self,
        tenant: &TenantId,
        filter: &GrantFilter,
        before: Option<GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantRow>, StoreError> {
        self.guard.read("grants").await?;
        self.store.grants(tenant, filter, before, limit).await
    }

    async fn run(&self, tenant: &TenantId, id: RunId) -> Result<Option<RunRow>, StoreError> {
        self.guard.read("run").await?;
        let found = self.store.run(tenant, id).await?;
        self.guard.was_read().await?;
        Ok(found)
    }

    async fn runs(
        &self,
        tenant: &TenantId,
        filter: &RunFilter,
        before: Option<RunId>,
        limit: usize,
    ) -> Result<Vec<RunRow>, StoreError> {
        self.guard.read("runs").await?;
        let found = self.store.runs(tenant, filter, before, limit).await?;
        self.guard.was_read().await?;
        Ok(found)
    }

    async fn run_events(
        &self,
        tenant: &TenantId,
        run: RunId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<RunEventRow>, StoreError> {
        self.guard.read("run_events").await?;
        let found = self.store.run_events(tenant, run, from, limit).await?;
        self.guard.was_read().await?;
        Ok(found)
    }

    async fn edge(&self, tenant: &TenantId, kind: &str, id: &str) -> Result<Option<EdgeRow>, StoreError> {
        self.guard.read("edge").await?;
        let found = self.store.edge(tenant, kind, id).await?;
        self.guard.was_read().await?;
        Ok(found)
    }

    async fn edges(
        &self,
        tenant: &TenantId,
        filter: &EdgeFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<EdgeRow>, StoreError> {
        self.guard.read("edges").await?;
        let found = self.store.edges(tenant, filter, after, limit).await?;
        self.guard.was_read().await?;
        Ok(found)
    }

    async fn descriptor(&self, digest: &Digest) -> Result<Option<String>, StoreError> {
        self.guard.read("descriptor").await?;
        let found = self.store.descriptor(digest).await?;
        self.guard.was_read().await?;
        Ok(found)
    }

    async fn directory(
        &self,
        tenant: &TenantId,
        known: Option<u64>,
    ) -> Result<Option<Directory>, StoreError> {
        self.guard.read("directory").await?;
        let found = self.store.directory(tenant, known).await?;
        self.guard.was_read().await?;
        Ok(found)
    }

    async fn entries(
        &self,
        tenant: &TenantId,
        call: Option<CallId>,
        from: u64,
        limit: usize,
    ) -> Result<Vec<EntryRow>, StoreError> {
        self.guard.read("entries").await?;
        let found = self.store.entries(tenant, call, from, limit).await?;
        self.guard.was_read().await?;
        Ok(found)
    }

    async fn blob(&self, tenant: &TenantId, commitment: &Digest) -> Result<Option<Blob>, StoreError> {
        self.guard.read("blob").await?;
        let found = self.store.blob(tenant, commitment).await?;
        self.guard.was_read().await?;
        Ok(found)
    }

    async fn head(&self, tenant: &TenantId) -> Result<Frontier, StoreError> {
        self.guard.read("head").await?;
        let found = self.store.head(tenant).await?;
        self.guard.was_read().await?;
        Ok(found)
    }

    async fn last_checkpoint(&self, tenant: &TenantId) -> Result<Option<CheckpointRow>, StoreError> {
        self.guard.read("last_checkpoint").await?;
        self.store.last_checkpoint(tenant).await
    }

    async fn holds(&self, tenant: &TenantId) -> Result<Vec<Option<CallId>>, StoreError> {
        self.guard.read("holds").await?;
        self.store.holds(tenant).await
    }

    async fn generation(&self) -> Result<u64, StoreError> {
        self.guard.read("generation").await?;
        let found = self.store.generation().await?;
        self.guard.was_read().await?;
        Ok(found)
    }
}
