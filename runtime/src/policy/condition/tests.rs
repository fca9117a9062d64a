use serde_json::json;

use super::*;

fn holds(condition: &str, arguments: &Value) -> Result<bool, String> {
    Condition::parse(condition).unwrap().holds(arguments)
}

#[test]
fn every_operator_means_what_it_says() {
    for (operator, below, same, above) in [
        ("==", false, true, false),
        ("!=", true, false, true),
        ("<", true, false, false),
        ("<=", true, true, false),
        (">", false, false, true),
        (">=", false, true, true),
    ] {
        let held = [4, 5, 6].map(|it| holds(&format!("/n {operator} 5"), &json!({"n": it})));
        assert_eq!(held, [Ok(below), Ok(same), Ok(above)], "{operator}");
    }
}

#[test]
fn numbers_are_compared_exactly() {
    // As doubles these would be equal.
    let large = json!({"n": 9_007_199_254_740_993_u64, "most": u64::MAX, "least": i64::MIN, "half": 5.5});
    assert_eq!(holds("/n > 9007199254740992", &large), Ok(true));
    assert_eq!(holds("/n == 9007199254740992", &large), Ok(false));
    assert_eq!(holds("/n == 9007199254740992.0", &large), Ok(false));
    assert_eq!(holds("/most > 18446744073709551614", &large), Ok(true));
    assert_eq!(holds("/most < 1e300", &large), Ok(true));
    assert_eq!(holds("/least < -9223372036854775807", &large), Ok(true));
    assert_eq!(holds("/least > -1e300", &large), Ok(true));
    assert_eq!(holds("/least < 18446744073709551615", &large), Ok(true));
    assert_eq!(holds("/half > 5", &large), Ok(true));
    assert_eq!(holds("/half < 6", &large), Ok(true));
    assert_eq!(holds("/half <= 5.5", &large), Ok(true));
    assert_eq!(holds("/n < 9007199254740993.5", &json!({"n": -1})), Ok(true));
    assert_eq!(holds("/n > -1.5", &json!({"n": -1})), Ok(true));
}

#[test]
fn pointers_go_as_deep_as_they_say() {
    let deep = json!({"a": {"b": [1, {"c/d": 2, "e~f": 3}]}, "": 4});
    assert_eq!(holds("/a/b/0 == 1", &deep), Ok(true));
    assert_eq!(holds("/a/b/1/c~1d == 2", &deep), Ok(true));
    assert_eq!(holds("/a/b/1/e~0f == 3", &deep), Ok(true));
    assert_eq!(holds("/ == 4", &deep), Ok(true));
    assert_eq!(
        holds("/a/b/00 == 1", &deep),
        Err("nothing is at `/a/b/00`".to_owned())
    );
    assert_eq!(holds("/a/b/- exists", &deep), Ok(false));
    assert_eq!(holds("/a/b exists", &deep), Ok(true));
}

#[test]
fn every_type_has_an_answer_to_null_and_to_its_own_literals() {
    assert_eq!(holds("/a == null", &json!({"a": null})), Ok(true));
    assert_eq!(holds("/a != null", &json!({"a": [1]})), Ok(true));
    assert_eq!(holds("/a == true", &json!({"a": true})), Ok(true));
    assert_eq!(holds(r#"/a == "x y""#, &json!({"a": "x y"})), Ok(true));
    assert!(holds("/a == null", &json!({})).is_err());
    for found in [json!(null), json!([1]), json!({"b": 1}), json!("1"), json!(true)] {
        assert!(holds("/a != 1", &json!({"a": found})).is_err(), "{found}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_where_it_stands() {
    for (condition, because) in [
        ("amount > 5", "at column 1: expected a JSON pointer"),
        ("", "at column 1: expected a JSON pointer"),
        ("/a~2 > 5", "at column 1: expected `~0` for `~`"),
        ("/a~ > 5", "at column 1: expected `~0` for `~`"),
        ("/a", "at column 3: expected `exists` or one of"),
        ("/a>=5", "at column 6: expected `exists` or one of"),
        ("/a  => 5", "at column 5: expected `exists` or one of"),
        ("/a exists 5", "at column 11: expected nothing after `exists`"),
        ("/a >= \"5\"", "at column 7: expected a number"),
        ("/a >= null", "at column 7: expected a number"),
        (
            "/a > 18446744073709551616",
            "at column 6: expected a number; integers have at most 64 bits",
        ),
        ("/a == 18446744073709551616", "at column 7: expected null, true"),
        ("/a == [1]", "at column 7: expected null, true, false"),
        ("/a == EUR", "at column 7: expected null, true, false"),
        ("/a == 1 and /b == 2", "at column 7: expected null, true, false"),
        ("/a ==", "at column 6: expected null, true"),
    ] {
        let error = Condition::parse(condition).unwrap_err();
        assert!(error.contains(because), "{error}");
    }
}

#[test]
fn the_policy_says_in_which_line_it_is_wrong() {
    let text = "[[rules]]\ntool = \"x\"\nwhen = \"/a => 5\"\naudit = true";
    let error = super::super::Policy::parse(text).unwrap_err().to_string();
    assert!(error.contains("line 3") && error.contains("column 4"), "{error}");
    for (when, because) in [
        ("5", "a condition such as"),
        ("[]", "no condition"),
        ("[5]", "expected a string"),
    ] {
        let text = format!("[[rules]]\ntool = \"x\"\nwhen = {when}\naudit = true");
        let error = super::super::Policy::parse(&text).unwrap_err().to_string();
        assert!(error.contains(because), "{error}");
    }
}
