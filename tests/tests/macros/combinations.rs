//! Every combination of gates on one tool compiles and says what was written.

use countersign::core::gate::DEFAULT_POOL;
use countersign::core::tool::Body;
use countersign::{Tool, approval, tool};

use super::support::{conditions, run};

// Three kinds of execution for each set of the other gates.
macro_rules! sets {
    ($($local:ident $handoff:ident $outside:ident [$($option:tt)*] [$($approval:tt)*] [$($gate:expr),*];)*) => {
        $(
            sets!(@tool [$($option)*] [$($approval)*] $local body);
            sets!(@tool [$($option)* external_execution,] [$($approval)*] $handoff body);
            sets!(@tool [$($option)* external_execution,] [$($approval)*] $outside none);
        )*

        #[test]
        fn every_combination_says_what_was_written() {
            $(
                check::<$local>([$($gate),*], None);
                check::<$handoff>([$($gate),*], Some(true));
                check::<$outside>([$($gate),*], Some(false));
            )*
        }
    };
    (@tool [$($option:tt)*] [$($approval:tt)*] $name:ident body) => {
        /// One combination.
        #[tool($($option)*)]
        $($approval)*
        fn $name(n: u8) -> u8 {
            n
        }
    };
    (@tool [$($option:tt)*] [$($approval:tt)*] $name:ident none) => {
        /// One combination.
        #[tool($($option)*)]
        $($approval)*
        fn $name(n: u8) -> u8;
    };
}

sets! {
    free_local free_handoff free_outside [] [] [false, false, false, false];
    audited_local audited_handoff audited_outside [] [#[approval(audit)]] [false, false, false, true];
    approved_local approved_handoff approved_outside [] [#[approval(required)]] [false, false, true, false];
    approved_audited_local approved_audited_handoff approved_audited_outside [] [#[approval(required)] #[approval(audit)]] [false, false, true, true];
    asked_local asked_handoff asked_outside [requires_user_input,] [] [false, true, false, false];
    asked_audited_local asked_audited_handoff asked_audited_outside [requires_user_input,] [#[approval(audit)]] [false, true, false, true];
    asked_approved_local asked_approved_handoff asked_approved_outside [requires_user_input,] [#[approval(required)]] [false, true, true, false];
    asked_approved_audited_local asked_approved_audited_handoff asked_approved_audited_outside [requires_user_input,] [#[approval(required)] #[approval(audit)]] [false, true, true, true];
    confirmed_local confirmed_handoff confirmed_outside [requires_confirmation,] [] [true, false, false, false];
    confirmed_audited_local confirmed_audited_handoff confirmed_audited_outside [requires_confirmation,] [#[approval(audit)]] [true, false, false, true];
    confirmed_approved_local confirmed_approved_handoff confirmed_approved_outside [requires_confirmation,] [#[approval(required)]] [true, false, true, false];
    confirmed_approved_audited_local confirmed_approved_audited_handoff confirmed_approved_audited_outside [requires_confirmation,] [#[approval(required)] #[approval(audit)]] [true, false, true, true];
    confirmed_asked_local confirmed_asked_handoff confirmed_asked_outside [requires_confirmation, requires_user_input,] [] [true, true, false, false];
    confirmed_asked_audited_local confirmed_asked_audited_handoff confirmed_asked_audited_outside [requires_confirmation, requires_user_input,] [#[approval(audit)]] [true, true, false, true];
    confirmed_asked_approved_local confirmed_asked_approved_handoff confirmed_asked_approved_outside [requires_confirmation, requires_user_input,] [#[approval(required)]] [true, true, true, false];
    confirmed_asked_approved_audited_local confirmed_asked_approved_audited_handoff confirmed_asked_approved_audited_outside [requires_confirmation, requires_user_input,] [#[approval(required)] #[approval(audit)]] [true, true, true, true];
}

#[track_caller]
fn check<T: Tool>([confirmed, asked, approved, audited]: [bool; 4], handoff: Option<bool>) {
    let name = T::descriptor().name.as_str();
    let gates = &T::descriptor().gates;
    assert_eq!(gates.confirmation.is_some(), confirmed, "{name}");
    assert_eq!(gates.audit.is_some(), audited, "{name}");
    assert_eq!(gates.external.as_ref().map(|it| it.handoff), handoff, "{name}");
    let fields = gates.user_input.as_ref().map(|it| (it.fields.clone(), it.hidden));
    assert_eq!(fields, asked.then(|| (vec!["n".to_owned()], false)), "{name}");
    let pools: Vec<_> = gates
        .approvals
        .iter()
        .map(|it| (it.pool.as_str(), it.quorum))
        .collect();
    let expected = if approved { vec![(DEFAULT_POOL, 1)] } else { vec![] };
    assert_eq!(pools, expected, "{name}");

    assert_eq!(
        conditions::<T>(r#"{"n":7}"#),
        (true, vec![true; expected.len()], true),
        "{name}"
    );
    match (handoff, T::definition().body) {
        (Some(false), Body::None) => {}
        (None | Some(true), Body::Sync(_)) => assert_eq!(run::<T>(r#"{"n":7}"#).unwrap(), "7", "{name}"),
        (_, body) => panic!("{name}: {body:?}"),
    }
}

// An ungated function stays a function; all others are only types.
#[test]
fn the_ungated_one_is_still_a_function() {
    assert_eq!(free_local(3), 3);
}
