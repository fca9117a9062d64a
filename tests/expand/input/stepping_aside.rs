/// Between others.
#[tool(requires_confirmation)]
#[instrument(skip_all)]
#[sign(required, pool = "one")]
#[inline]
pub(crate) fn between() -> impl Serialize {
    1
}
