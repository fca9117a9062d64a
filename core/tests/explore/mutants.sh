#!/bin/sh
# Plants one mistake at a time in a copy of core and sees that the explorer notices.
#
#   core/tests/explore/mutants.sh [NAME…]
#
# Each recipe is a Perl substitution. One that changes nothing is an error, so none rots unseen.
set -eu
root=$(cd "$(dirname "$0")/../../.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
export CARGO_TARGET_DIR="${MUTANTS_TARGET:-$root/target/mutants}"
wanted=" $* "
survivors=0

# A workspace of its own, so that nothing else has to be built.
cp -r "$root/core" "$copy/pristine"
sed 's/^members = .*/members = ["core"]/' "$root/Cargo.toml" >"$copy/Cargo.toml"
cp "$root/Cargo.lock" "$root/rust-toolchain.toml" "$copy/"

fresh() {
    rm -rf "$copy/core"
    cp -r "$copy/pristine" "$copy/core"
}

# plant NAME FILE PERL
plant() {
    case $wanted in "  " | *" $1 "*) ;; *) return 0 ;; esac
    fresh
    before=$(cksum <"$copy/core/src/$2")
    perl -0pi -e "$3" "$copy/core/src/$2"
    if [ "$before" = "$(cksum <"$copy/core/src/$2")" ]; then
        echo "$1: the recipe changes nothing" >&2
        exit 2
    fi
    if (cd "$copy" && cargo build -q -p countersign-core --offline) >"$copy/build" 2>&1; then
        if (cd "$copy" && RUST_BACKTRACE=0 cargo test -q -p countersign-core --offline --test explore) >"$copy/out" 2>&1; then
            echo "$1: SURVIVED"
            survivors=$((survivors + 1))
        else
            echo "$1: caught: $(grep -m1 -A1 -E '^(thread .*panicked at core/tests|error)' "$copy/out" | tail -1 | cut -c1-150)"
        fi
    else
        echo "$1: does not compile" >&2
        cat "$copy/build" >&2
        exit 2
    fi
}

plant requester-approves call/decide.rs 's/if self\.is_own\(&by\.id\) \{/if self.agent.as_ref().is_some_and(|it| it.id == by.id || it.owner.as_ref() == Some(&by.id)) {/'
plant owner-approves call.rs 's/it\.id == \*actor \|\| it\.owner\.as_ref\(\) == Some\(actor\)/it.id == *actor/'
plant anybody-confirms call/decide.rs 's/if by\.id == self\.requester \{\n            return Ok/if true {\n            return Ok/'
plant agents-decide call/decide.rs 's/Kind::Person => Ok\(\(\)\),\n        Kind::Service \| Kind::Agent => Err/Kind::Person | Kind::Agent => Ok(()),\n        Kind::Service => Err/'
plant pool-unchecked call/decide.rs 's/Some\(gate\) if by\.pools\.contains\(&gate\.pool\) => Ok/Some(_) if true => Ok/'
plant counts-twice call/decide.rs 's/self\.votes\.iter\(\)\.find\(\|it\| it\.by == by\.id\)/self.votes.iter().find(|it| it.by == by.id \&\& it.gate == place)/'
plant quorum-off-by-one call.rs 's/self\.votes_for\(place\) >= usize::from\(gate\.quorum\)\)/self.votes_for(place) + 1 >= usize::from(gate.quorum))/'
plant one-pool-is-enough call.rs 's/\.all\(\|\(place, gate\)\| self\.votes_for/.any(|(place, gate)| gate.quorum > 0 \&\& self.votes_for/'
plant rejection-ignored-after-a-vote call/decide.rs 's/Ask::Approval\(place\) => call\.speaks_for\(place, by\)\.map\(\|\(\)\| Some\(place\)\)/Ask::Approval(place) if call.votes.is_empty() => call.speaks_for(place, by).map(|()| Some(place)),\n            Ask::Approval(_) => Err(misplaced("reject", "has no vote yet"))/'
plant votes-kept-on-reseal call/seal.rs 's/        self\.votes\.clear\(\);\n//'
plant tokens-kept-on-reseal call/seal.rs 's/(not of the new ones\.\n)        self\.tokens\.clear\(\);\n/$1/'
# The key of the commitment counts the rounds too: either alone is enough.
plant round-not-sealed call/seal.rs 's/                &self\.round\.to_be_bytes\(\),\n//; s/format!\("arguments\/\{\}", self\.round\)\.as_bytes\(\)/b"arguments"/'
plant arguments-not-sealed call/seal.rs 's/                commitment\.bytes\(\),\n//'
plant gates-not-sealed call/seal.rs 's/                gates\.as_bytes\(\),\n//'
plant lost-vote-kept call/execute.rs 's/!lost\.is_empty\(\)/false \&\& !lost.is_empty()/'
plant lost-vote-remembered call/execute.rs 's/            self\.decided\n                \.retain\(\|it\| !lost\.iter\(\)\.any\(\|vote\| vote\.by\.as_str\(\) == it\.by\)\);\n//'
plant late-claim call/execute.rs 's/if now >= deadline \{/if now > deadline {/'
plant late-decision requirement.rs 's/Some\(deadline\) if now >= deadline => \{/Some(deadline) if now > deadline => {/'
plant late-gating call/gating.rs 's/if now >= deadline \{\n            return self\.too_late\(deadline, note\);\n        \}\n        let Judgement/if false {\n            return self.too_late(deadline, note);\n        }\n        let Judgement/'
plant stale-tool-claims call/execute.rs 's/if descriptor != self\.descriptor \{/if false {/'
plant lapse-reruns-anything call/execute.rs 's/None if self\.idempotent && self\.claims < MOST_CLAIMS/None if self.claims < MOST_CLAIMS/'
plant reruns-without-end call/execute.rs 's/None if self\.idempotent && self\.claims < MOST_CLAIMS/None if self.idempotent/'
plant idempotent-for-ever call/gating.rs 's/        self\.idempotent &= idempotent;\n/        let _ = idempotent;\n/'
plant lapse-too-early call/execute.rs 's/Phase::Executing \{ until, claim, \.\. \} if now >= \*until/Phase::Executing { until, claim, .. } if now >= *until || true/'
plant old-claim-returns call/execute.rs 's/\} if \*held == claim => Some\(\*deadline\)/} if held.worker == claim.worker => Some(*deadline)/'
plant any-token-reports call/settle.rs 's/found \| it\.equals_in_constant_time\(token\)/found | (it.bytes()[0] > 0 || it.equals_in_constant_time(token))/'
plant second-report-wins call/settle.rs 's/Phase::Executing \{ report: Some\(_\), \.\. \} => self\.refused/Phase::Executing { report: Some(_), .. } if false => self.refused/'
plant requester-resolves call/settle.rs 's/if self\.is_own\(&by\.id\) \{/if false {/'
plant resolves-without-reason call/settle.rs 's/if reason\.trim\(\)\.is_empty\(\) \{/if false {/'
plant doubt-has-an-old-id call.rs 's/self\.doubts = self\.doubts\.saturating_add\(1\)/self.doubts = 1/'
plant retry-ignores-lost-voters call/execute.rs 's/if now < deadline && self\.lost_votes\(voters\)\.is_empty\(\)/if now < deadline || voters.is_empty()/'
plant retry-ignores-deadline call/execute.rs 's/if now < deadline && self\.lost_votes\(voters\)\.is_empty\(\)/if self.lost_votes(voters).is_empty()/'
plant gates-replaced-on-reask call/gating.rs 's/From::Reasked \| From::Retried => false,/From::Reasked | From::Retried => true,/'
plant confirmation-kept-on-amend call/gating.rs 's/self\.phase = self\.next_gate\(&before, now, deadline\);\n(                \/\/ Whoever)/self.phase = if matches!(from, From::Amended { .. }) { self.after_confirmation(now, deadline) } else { self.next_gate(&before, now, deadline) };\n$1/'
plant confirmation-skipped-on-tighten call/gating.rs 's/Ok\(\(\)\) => self\.phase = self\.next_gate\(&before, now, deadline\)/Ok(()) => self.phase = self.after_confirmation(now, deadline)/'
plant new-fields-not-asked call.rs 's/Some\(gate\) if !gate\.fields\.iter\(\)\.all\(asked\)/Some(gate) if false \&\& !gate.fields.iter().all(asked)/'
plant unsatisfiable-goes-on call/gating.rs 's/(note = note\.words\("errors", &error\);\n\s+)self\.close\(Outcome::Blocked \{\s*errors: vec!\[error\],?\s*\}\);/$1self.phase = self.first_gate(now, deadline);/'
plant expiry-clears call/gating.rs 's/(            \| Phase::Cleared \{ \.\. \} => \{\n                )self\.close\(Outcome::Expired\);/$1self.phase = Phase::Cleared { deadline: now.after(self.patience) };/'
plant silence-outside-closes call/gating.rs 's/self\.fall_into_doubt\(None, cleared\)/self.close(Outcome::Expired)/'
plant closed-is-cancelled call/decide.rs 's/                    self\.refused\(refusal\(Code::AlreadyDecided, message\), note\)/                    let _ = message;\n                    self.close(Outcome::Cancelled { by: by.id.clone(), reason });\n                    self.accepted(note)/'
plant doubt-is-cancelled call/decide.rs 's/Phase::InDoubt \{ \.\. \} => self\.refused\(\n                refusal\(Code::NotAllowed, "it may have run: an operator must resolve it"\),\n                note,\n            \)/Phase::InDoubt { .. } => {\n                self.close(Outcome::Cancelled { by: by.id.clone(), reason });\n                self.accepted(note)\n            }/'
plant refusal-moves-the-clock call.rs 's/Answer::Refused\(_\) \| Answer::Repeated = step\.answer/Answer::Repeated = step.answer/'
plant refusal-unrecorded call/record.rs 's/(answer: Answer::Refused\(refusal\),\s+record: )Some\(draft\)/$1Some(draft).filter(|it| it.blobs.len() > 9)/'
plant vote-without-its-gate call/decide.rs 's/            note\.gate\(place\)\n/            let _ = place;\n            note\n/'
plant secret-in-a-proposal call/decide.rs 's/let shown = call\.masked\(&arguments\);/let shown = arguments.clone();/'
plant secret-stays-when-closed call.rs 's/        self\.arguments = self\.shown_arguments\(\);\n//'
plant seal-unchecked call/execute.rs 's/if !self\.is_as_sealed\(\) \{/if false {/'

# What another release says, and what a policy can never be met.
plant idempotent-of-the-new-release call/gating.rs 's/self\.idempotent &= idempotent/self.idempotent = idempotent/'
plant secrets-of-the-new-release-shown call/gating.rs 's/if !self\.secrets\.contains\(&secret\) \{/if false {/'
plant destructive-of-the-new-release-ignored call/gating.rs 's/self\.destructive \|= destructive/self.destructive = destructive \&\& self.destructive/'
plant unsatisfiable-tightening-goes-on call/gating.rs 's/            satisfiable\n        \};/            satisfiable.or(Ok(()))\n        };/'
plant verb-before-who call/decide.rs 's/            Err\(refusal\) => refusal,\n            Ok\(\(\)\) => misplaced\(verb, right\)/            Err(_) | Ok(()) => misplaced(verb, right)/'
plant edit-between-records call/record.rs 's/\("was", was\), //'
# Grants.
plant grant-of-another-owner grant.rs 's/            && by\.id == self\.owner\n//'
plant grant-offered-for-another call/remember.rs 's/if owner\.id != self\.requester \|\| !grant/if !grant/'
plant grant-of-who-is-no-person grant.rs 's/            && by\.is_person\(\)\n//'
plant grant-of-another-tool grant.rs 's/            && \*asked\.tool == self\.tool\n//'
plant grant-of-another-descriptor grant.rs 's/            && \*asked\.descriptor == self\.descriptor\n//'
plant grant-of-another-run grant.rs 's/Scope::Run \{ run \} => run == asked\.run/Scope::Run { .. } => true/'
plant grant-of-another-session grant.rs 's/Scope::Session \{ session \} => asked\.session == Some\(session\)/Scope::Session { .. } => true/'
plant grant-for-other-arguments grant.rs 's/matched\(salt, asked\.arguments\)\.equals_in_constant_time\(digest\)/matched(salt, asked.arguments) != *salt || digest == salt/'
plant grant-for-any-destruction grant.rs 's/Matcher::Any => !asked\.destructive,/Matcher::Any => true,/'
plant grant-made-for-any-destruction grant.rs 's/Which::Any if asked\.destructive/Which::Any if asked.destructive \&\& uses == 0/'
plant grant-revoked-passes grant.rs 's/!self\.revoked && self\.left/self.left/'
plant grant-used-up-passes grant.rs 's/ && self\.left\(\) > 0 && !over/ \&\& !over/'
plant grant-over-passes grant.rs 's/is_some_and\(\|it\| now >= it\)/is_some_and(|it| now > it)/'
plant grant-not-used-up grant/record.rs 's/self\.used = self\.used\.saturating_add\(1\);//'
plant grant-used-unrecorded call/remember.rs 's/Some\(Box::new\(grant\.clone\(\)\.used_by\(self\.id\)\)\)/None/'
plant grant-passes-what-was-amended call/gating.rs 's/matches!\(from, From::Filled \{ \.\. \}\)\);/matches!(from, From::Filled { .. } | From::Amended { .. }));/; s/ && !matches!\(from, From::Amended \{ \.\. \}\)//'
plant grant-passes-what-was-rewritten call/remember.rs 's/Phase::Confirm \{ deadline \} if self\.as_proposed/Phase::Confirm { deadline }/; s/            Phase::Confirm \{ \.\. \}\n            \| Phase::Input/            Phase::Input/'
plant grant-passes-what-is-re-asked call/gating.rs 's/matches!\(from, From::Filled \{ \.\. \}\)\);/!matches!(from, From::Amended { .. }));/'
plant grant-passes-approvals call/remember.rs 's/self\.phase = self\.after_confirmation\(now, deadline\)/self.phase = self.after_approvals(now, deadline)/'
plant grant-kept-over-a-new-seal call/seal.rs 's/        self\.granted = None;\n//'
plant grant-made-by-anybody call/decide.rs 's/call\.asked_to_confirm\(ask, by, "confirm"\)\n\s+\.and_then\(\|\(\)\| call\.made_grant\(wish, on, now\)\)/match (wish, ask) {\n                (Some(_), Ask::Confirm) => call.made_grant(wish, on, now),\n                _ => call.asked_to_confirm(ask, by, "confirm").map(|()| None),\n            }/'
plant grant-made-of-an-amended-call call/remember.rs 's/if !self\.as_proposed \{/if false {/'
plant grant-for-nothing grant.rs 's/if uses == 0 \|\| uses > MOST_USES/if uses > MOST_USES/'
plant grant-for-the-past grant.rs 's/if time <= now =>/if time < now =>/'
# Time.
plant warned-twice call/remind.rs 's/        self\.warned\.extend\(asks\.iter\(\)\.copied\(\)\);\n//'
plant escalated-twice call/remind.rs 's/        self\.escalated\.extend\(asks\.iter\(\)\.copied\(\)\);\n//'
plant warned-at-half-time call/remind.rs 's/deadline\.before\(span \/ 4\)/deadline.before(span \/ 2)/'
plant warned-when-all-is-over call/remind.rs 's/\(Some\(\(_, deadline\)\), _\) if now >= deadline =>/(Some((_, deadline)), None) if now >= deadline =>/'
plant warning-moves-the-deadline call/remind.rs 's/(        self\.warned\.extend\(asks\.iter\(\)\.copied\(\)\);\n)/$1        if let Phase::Confirm { deadline } = \&mut self.phase {\n            *deadline = deadline.after(Duration::from_hours(1));\n        }\n/'
plant escalation-lowers-the-quorum call/remind.rs 's/(        self\.escalated\.extend\(asks\.iter\(\)\.copied\(\)\);\n)/$1        for gate in \&mut self.gates.approvals {\n            gate.quorum = 0;\n        }\n/'
plant escalation-changes-the-pool call/remind.rs 's/(        self\.escalated\.extend\(asks\.iter\(\)\.copied\(\)\);\n)/$1        let last = self.gates.approvals.last().map(|it| it.pool.clone());\n        for gate in \&mut self.gates.approvals {\n            gate.pool = last.clone().unwrap_or_else(|| gate.pool.clone());\n        }\n/'
plant every-gate-escalates call/remind.rs 's/self\.gates\.approvals\.get\(place\)\?\.escalate_after\?;/self.gates.approvals.get(place)?.escalate_after.unwrap_or(Duration::from_hours(1));/'
plant met-gates-are-warned-of call/remind.rs 's/self\.open_asks\(\)\.filter\(\|it\| !self\.was_warned\(\*it\)\)/(0..self.gates.approvals.len()).map(Ask::Approval).chain(self.open_asks()).filter(|it| !self.was_warned(*it))/'
plant warnings-kept-on-reseal call/seal.rs 's/        self\.warned\.clear\(\);\n//'
plant escalations-kept-on-reseal call/seal.rs 's/        self\.escalated\.clear\(\);\n//'
plant outside-is-warned-once call.rs 's/        self\.warned\.remove\(&Ask::External\);\n//'
plant reminder-unrecorded call/remind.rs 's/        self\.accepted\(note\.asked\(&asks\)\)/        self.unrecorded()/'

exit "$survivors"
