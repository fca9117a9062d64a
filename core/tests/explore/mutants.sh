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
plant rejection-ignored-after-a-vote call/decide.rs 's/Ask::Approval\(place\) => self\.speaks_for\(place, by\)\.map\(\|\(\)\| Some\(place\)\)/Ask::Approval(place) if self.votes.is_empty() => self.speaks_for(place, by).map(|()| Some(place)),\n            Ask::Approval(_) => Err(wrong("reject", "has no vote yet"))/'
plant votes-kept-on-reseal call.rs 's/        self\.votes\.clear\(\);\n//'
plant tokens-kept-on-reseal call.rs 's/(not of the new ones\.\n)        self\.tokens\.clear\(\);\n/$1/'
plant round-not-sealed call.rs 's/                &self\.round\.to_be_bytes\(\),\n//'
plant arguments-not-sealed call.rs 's/                commitment\.bytes\(\),\n//'
plant gates-not-sealed call.rs 's/                gates\.as_bytes\(\),\n//'
plant lost-vote-kept call/execute.rs 's/!lost\.is_empty\(\)/false \&\& !lost.is_empty()/'
plant lost-vote-remembered call/execute.rs 's/            self\.decided\n                \.retain\(\|it\| !lost\.iter\(\)\.any\(\|vote\| vote\.by\.as_str\(\) == it\.by\)\);\n//'
plant late-claim call/execute.rs 's/if now >= deadline \{/if now > deadline {/'
plant late-decision requirement.rs 's/Some\(deadline\) if now >= deadline => \{/Some(deadline) if now > deadline => {/'
plant late-gating call/gating.rs 's/if now >= deadline \{\n            return self\.too_late\(deadline, note\);\n        \}\n        \/\/ New/if false {\n            return self.too_late(deadline, note);\n        }\n        \/\/ New/'
plant stale-tool-claims call/execute.rs 's/if descriptor != self\.descriptor \{/if false {/'
plant lapse-reruns-anything call/execute.rs 's/None if self\.idempotent && self\.claims < MOST_CLAIMS/None if self.claims < MOST_CLAIMS/'
plant reruns-without-end call/execute.rs 's/None if self\.idempotent && self\.claims < MOST_CLAIMS/None if self.idempotent/'
plant idempotent-for-ever call/gating.rs 's/        self\.idempotent &= descriptor == self\.descriptor;\n//'
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
plant confirmation-kept-on-amend call/gating.rs 's/Ok\(\(\)\) => self\.phase = self\.next_gate\(&before, now, deadline\)/Ok(()) if matches!(from_was, From::Amended { .. }) => self.phase = self.after_confirmation(now, deadline),\n            Ok(()) => self.phase = self.next_gate(&before, now, deadline)/; s/let anew = match from \{/let from_was = from.clone();\n        let anew = match from {/'
plant confirmation-skipped-on-tighten call/gating.rs 's/self\.phase = self\.next_gate\(&before, now, deadline\);\n        \}/self.phase = self.after_confirmation(now, deadline);\n        }/'
plant new-fields-not-asked call.rs 's/Some\(gate\) if !gate\.fields\.iter\(\)\.all\(asked\)/Some(gate) if false \&\& !gate.fields.iter().all(asked)/'
plant unsatisfiable-goes-on call/gating.rs 's/Err\(error\) => self\.close\(Outcome::Blocked \{ errors: vec!\[error\] \}\)/Err(_) => self.phase = self.first_gate(now, deadline)/'
plant expiry-clears call/gating.rs 's/(            \| Phase::Cleared \{ \.\. \} => \{\n                )self\.close\(Outcome::Expired\);/$1self.phase = Phase::Cleared { deadline: now.after(self.patience) };/'
plant silence-outside-closes call/gating.rs 's/self\.fall_into_doubt\(None, cleared\)/self.close(Outcome::Expired)/'
plant closed-is-cancelled call/decide.rs 's/                    self\.refused\(refusal\(Code::AlreadyDecided, message\), note\)/                    let _ = message;\n                    self.close(Outcome::Cancelled { by: by.id.clone(), reason });\n                    self.accepted(note)/'
plant doubt-is-cancelled call/decide.rs 's/Phase::InDoubt \{ \.\. \} => self\.refused\(\n                refusal\(Code::NotAllowed, "it may have run: an operator must resolve it"\),\n                note,\n            \)/Phase::InDoubt { .. } => {\n                self.close(Outcome::Cancelled { by: by.id.clone(), reason });\n                self.accepted(note)\n            }/'
plant refusal-moves-the-clock call.rs 's/Answer::Refused\(_\) \| Answer::Repeated = step\.answer/Answer::Repeated = step.answer/'
plant refusal-unrecorded call/record.rs 's/answer: Answer::Refused\(refusal\),\n            record: Some\(draft\)/answer: Answer::Refused(refusal),\n            record: Some(draft).filter(|it| it.blobs.len() > 9)/'
plant vote-without-its-gate call/decide.rs 's/self\.accepted\(note\.gate\(place\)\)/self.accepted(note)/'
plant secret-in-a-proposal call/decide.rs 's/let shown = self\.masked\(&arguments\);/let shown = arguments.clone();/'
plant secret-stays-when-closed call.rs 's/        self\.arguments = self\.shown_arguments\(\);\n//'
plant seal-unchecked call/execute.rs 's/if !self\.is_as_sealed\(\) \{/if false {/'

exit "$survivors"
