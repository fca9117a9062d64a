//! Every dialect, over schemas as schemars derives them.

#![allow(dead_code, reason = "the types are only looked at by schemars")]

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_core::gate::{DeclaredGates, DeclaredInput};
use countersign_core::id::ToolName;
use countersign_core::tool::{Hints, Parameter};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, json};

use super::*;

/// A tool as the macros would describe it.
pub(super) struct Fixture {
    generator: SchemaGenerator,
    descriptor: Descriptor,
    properties: Map<String, Value>,
}

impl Fixture {
    pub(super) fn named(name: &str) -> Self {
        let settings = SchemaSettings::draft2020_12().with(|it| it.inline_subschemas = true);
        Self {
            generator: settings.into_generator(),
            descriptor: Descriptor {
                name: ToolName::new(name).unwrap(),
                title: None,
                description: "Does something.".into(),
                parameters: Vec::new(),
                input_schema: Value::Null,
                output_schema: None,
                gates: DeclaredGates::default(),
                hints: Hints::default(),
                timeout: None,
                ungated: None,
                check: None,
            },
            properties: Map::new(),
        }
    }

    pub(super) fn with<T: JsonSchema>(self, name: &str) -> Self {
        self.schema::<T>(name, true, json!({}))
    }

    pub(super) fn optional<T: JsonSchema>(self, name: &str) -> Self {
        self.schema::<T>(name, false, json!({}))
    }

    pub(super) fn extended<T: JsonSchema>(self, name: &str, more: Value) -> Self {
        self.schema::<T>(name, true, more)
    }

    fn schema<T: JsonSchema>(mut self, name: &str, required: bool, more: Value) -> Self {
        let mut schema = self.generator.subschema_for::<T>().to_value();
        if let (Value::Object(map), Value::Object(more)) = (&mut schema, more) {
            map.extend(more);
        }
        self.properties.insert(name.into(), schema);
        self.descriptor.parameters.push(Parameter {
            name: name.into(),
            description: String::new(),
            required,
            default: None,
            secret: false,
        });
        self
    }

    pub(super) fn secret(mut self) -> Self {
        self.descriptor.parameters.last_mut().unwrap().secret = true;
        self
    }

    pub(super) fn hidden(mut self, fields: &[&str]) -> Self {
        self.descriptor.gates.user_input = Some(DeclaredInput {
            fields: fields.iter().map(|it| (*it).to_owned()).collect(),
            hidden: true,
            expires_in: None,
        });
        self
    }

    pub(super) fn returning<T: JsonSchema>(mut self) -> Self {
        self.descriptor.output_schema = Some(self.generator.root_schema_for::<T>().to_value());
        self
    }

    pub(super) fn done(mut self) -> Descriptor {
        let parameters = &self.descriptor.parameters;
        let required: Vec<&String> = parameters
            .iter()
            .filter(|it| it.required)
            .map(|it| &it.name)
            .collect();
        let mut schema = json!({
            "type": "object",
            "properties": self.properties,
            "required": required,
            "additionalProperties": false,
        });
        let definitions = self.generator.take_definitions(true);
        if !definitions.is_empty() {
            schema["$defs"] = json!(definitions);
        }
        self.descriptor.input_schema = schema;
        self.descriptor
    }
}

#[derive(JsonSchema)]
pub(super) struct Item {
    /// What it costs.
    price: f64,
    count: u8,
    #[serde(default)]
    tags: Vec<String>,
    note: Option<String>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    Low,
    High,
}

#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Documented {
    /// Wait.
    Low,
    /// Run.
    High,
}

#[derive(JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(super) enum Payment {
    Card { number: String },
    Cash { drawer: u32 },
}

#[derive(JsonSchema)]
pub(super) struct Tree {
    name: String,
    children: Vec<Tree>,
}

fn realistic() -> Descriptor {
    Fixture::named("billing.refund")
        .with::<u64>("id")
        .with::<Vec<Item>>("items")
        .with::<Severity>("severity")
        .optional::<Option<Documented>>("mood")
        .optional::<Option<Item>>("extra")
        .with::<Payment>("payment")
        .extended::<String>("at", json!({"format": "date-time"}))
        .done()
}

fn meta_valid(schema: &Value) {
    let result = jsonschema::draft202012::meta::validate(schema);
    assert!(result.is_ok(), "{schema}: {result:?}");
}

fn mentions(schema: &Value, word: &str) -> bool {
    schema.to_string().contains(&format!("\"{word}\":"))
}

#[test]
fn names_of_dialects_read_what_they_write() {
    for dialect in Dialect::ALL {
        assert_eq!(dialect.to_string().parse(), Ok(dialect));
    }
    let error = "gpt".parse::<Dialect>().unwrap_err().to_string();
    assert!(
        error.starts_with("`gpt` is not a dialect; expected one of `json-schema`"),
        "{error}"
    );
    for (place, dialect) in Dialect::ALL.into_iter().enumerate() {
        assert_eq!(dialect as usize, place);
    }
}

#[test]
fn every_dialect_says_a_realistic_tool() {
    let descriptor = realistic();
    for dialect in Dialect::ALL {
        let schema = descriptor.schema_for(dialect).unwrap();
        let text = schema.to_string();
        for word in ["uint", "\"double\"", "$schema"] {
            assert!(!text.contains(word), "{dialect}: {word} in {text}");
        }
        if dialect != Dialect::Gemini {
            meta_valid(&schema);
        }
        assert!(descriptor.tool_for(dialect).is_ok());
    }
}

#[test]
fn plain_dialects_have_their_own_envelope() {
    let descriptor = Fixture::named("billing.refund").with::<u64>("id").done();
    let schema = json!({
        "type": "object",
        "properties": {"id": {"type": "integer", "minimum": 0}},
        "required": ["id"],
        "additionalProperties": false,
    });
    let check = |dialect: Dialect, expect: Value| {
        assert_eq!(descriptor.tool_for(dialect), Ok(expect), "{dialect}");
    };
    check(
        Dialect::OpenAi,
        json!({"type": "function", "function": {
            "name": "billing-dot-refund", "description": "Does something.", "strict": false, "parameters": schema}}),
    );
    check(
        Dialect::OpenAiStrict,
        json!({"type": "function", "function": {
            "name": "billing-dot-refund", "description": "Does something.", "strict": true, "parameters": schema}}),
    );
    check(
        Dialect::Anthropic,
        json!({"name": "billing-dot-refund", "description": "Does something.", "input_schema": schema}),
    );
    check(
        Dialect::Mcp,
        json!({"name": "billing.refund", "description": "Does something.", "inputSchema": schema,
               "annotations": {"readOnlyHint": false, "destructiveHint": false, "idempotentHint": false, "openWorldHint": false}}),
    );
    check(
        Dialect::Gemini,
        json!({"name": "billing.refund", "description": "Does something.", "parameters": {
            "type": "OBJECT", "properties": {"id": {"type": "INTEGER", "minimum": 0}}, "required": ["id"]}}),
    );
    let mut document = schema.clone();
    document["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    document["title"] = json!("billing.refund");
    document["description"] = json!("Does something.");
    check(Dialect::JsonSchema, document);
}

#[test]
fn a_tool_without_arguments_is_an_empty_object() {
    let descriptor = Fixture::named("now").done();
    let empty = json!({"type": "object", "properties": {}, "required": [], "additionalProperties": false});
    assert_eq!(descriptor.schema_for(Dialect::OpenAiStrict), Ok(empty.clone()));
    assert_eq!(descriptor.schema_for(Dialect::Mcp), Ok(empty));
    let gemini = descriptor.tool_for(Dialect::Gemini).unwrap();
    assert_eq!(gemini, json!({"name": "now", "description": "Does something."}));
}

#[test]
fn strict_requires_everything_and_closes_every_object() {
    fn closed(schema: &Value) {
        let Value::Object(map) = schema else { return };
        if let Some(Value::Object(properties)) = map.get("properties") {
            assert_eq!(map["additionalProperties"], json!(false));
            let names: Vec<&String> = properties.keys().collect();
            assert_eq!(map["required"], json!(names));
        }
        keyword::inside(map).for_each(|(_, it)| closed(it));
    }
    let descriptor = realistic();
    let schema = descriptor.schema_for(Dialect::OpenAiStrict).unwrap();
    closed(&schema);
    for word in ["oneOf", "allOf", "default", "title", "minLength"] {
        assert!(!mentions(&schema, word), "{word} in {schema}");
    }
    let item = &schema["properties"]["items"]["items"]["properties"];
    assert_eq!(item["note"], json!({"type": ["string", "null"]}));
    // Optional by default, not `Option`: nullable here, and `strip_nulls` undoes it.
    assert_eq!(
        item["tags"],
        json!({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]})
    );
    let payment = &schema["properties"]["payment"]["anyOf"];
    assert_eq!(
        payment[0]["properties"]["kind"],
        json!({"type": "string", "const": "card"})
    );
}

#[test]
fn strict_keeps_recursion_and_bare_references() {
    let descriptor = Fixture::named("plant").with::<Tree>("tree").done();
    let schema = descriptor.schema_for(Dialect::OpenAiStrict).unwrap();
    assert_eq!(
        schema["properties"]["tree"]["properties"]["children"]["items"],
        json!({"$ref": "#/$defs/Tree"})
    );
    assert_eq!(schema["$defs"]["Tree"]["additionalProperties"], json!(false));
    // In the order of the properties, which is not always that of the alphabet: another crate of the program
    // may have made `serde_json` keep theirs.
    let required = schema["$defs"]["Tree"]["required"].as_array().unwrap();
    assert!(
        required.len() == 2 && required.contains(&json!("children")) && required.contains(&json!("name"))
    );
    meta_valid(&schema);
}

#[test]
fn gemini_speaks_its_subset() {
    let schema = realistic().schema_for(Dialect::Gemini).unwrap();
    for word in [
        "oneOf",
        "const",
        "additionalProperties",
        "$ref",
        "default",
        "title",
        "exclusiveMinimum",
    ] {
        assert!(!mentions(&schema, word), "{word} in {schema}");
    }
    let properties = &schema["properties"];
    assert_eq!(
        properties["severity"],
        json!({"type": "STRING", "format": "enum", "enum": ["low", "high"]})
    );
    assert_eq!(
        properties["mood"],
        json!({"type": "STRING", "format": "enum", "enum": ["low", "high"],
               "description": "`low`: Wait.\n`high`: Run.", "nullable": true})
    );
    assert_eq!(properties["extra"]["nullable"], json!(true));
    assert_eq!(properties["extra"]["type"], json!("OBJECT"));
    assert_eq!(properties["at"], json!({"type": "STRING", "format": "date-time"}));
    assert_eq!(
        properties["payment"]["anyOf"][0]["properties"]["kind"],
        json!({"type": "STRING", "format": "enum", "enum": ["card"]})
    );
    assert_eq!(
        schema["propertyOrdering"],
        json!(["id", "items", "severity", "mood", "extra", "payment", "at"])
    );
}

#[test]
fn gemini_tells_what_it_cannot_constrain() {
    let descriptor = Fixture::named("dial")
        .extended::<u8>("level", json!({"enum": [1, 2]}))
        .extended::<i64>("over", json!({"exclusiveMinimum": 4}))
        .with::<bool>("yes")
        .done();
    let schema = descriptor.schema_for(Dialect::Gemini).unwrap();
    assert_eq!(
        schema["properties"]["level"]["description"],
        json!("One of `1`, `2`.")
    );
    assert!(schema["properties"]["level"].get("enum").is_none());
    assert_eq!(schema["properties"]["over"]["minimum"], json!(5));
}

#[track_caller]
fn refused(descriptor: &Descriptor, dialect: Dialect, expect: &str) {
    let error = descriptor.schema_for(dialect).unwrap_err();
    assert_eq!(error.dialect(), dialect);
    assert_eq!(error.tool(), descriptor.name.as_str());
    assert!(error.to_string().starts_with(expect), "{error}");
}

#[test]
fn what_a_dialect_cannot_say_names_tool_and_parameter() {
    let strict = Dialect::OpenAiStrict;
    let map = Fixture::named("t").with::<BTreeMap<String, u8>>("labels").done();
    refused(
        &map,
        strict,
        "tool `t`, parameter `labels`: openai-strict has no maps",
    );
    refused(
        &map,
        Dialect::Gemini,
        "tool `t`, parameter `labels`: gemini has no maps",
    );
    let deep = Fixture::named("t").with::<Vec<(u8, String)>>("pairs").done();
    refused(
        &deep,
        strict,
        "tool `t`, parameter `pairs[]`: openai-strict has no tuples",
    );
    refused(
        &deep,
        Dialect::Gemini,
        "tool `t`, parameter `pairs[]`: gemini has no tuples",
    );
    let any = Fixture::named("t").with::<Value>("any").done();
    refused(
        &any,
        strict,
        "tool `t`, parameter `any`: openai-strict cannot say \"any JSON value\"",
    );
    refused(
        &any,
        Dialect::Gemini,
        "tool `t`, parameter `any`: gemini cannot say \"any JSON value\"",
    );
    let tree = Fixture::named("t").with::<Tree>("tree").done();
    refused(
        &tree,
        Dialect::Gemini,
        "tool `t`, parameter `tree.children[]`: gemini cannot say recursive types",
    );
    let dashed = Fixture::named("t").with::<u8>("content-type").done();
    refused(
        &dashed,
        Dialect::Gemini,
        "tool `t`, parameter `content-type`: gemini takes parameter names",
    );
    let umlaut = Fixture::named("t").with::<u8>("größe").done();
    refused(
        &umlaut,
        Dialect::Anthropic,
        "tool `t`, parameter `größe`: anthropic takes parameter names",
    );
    for plain in [&map, &deep, &any, &tree, &dashed] {
        for dialect in [
            Dialect::JsonSchema,
            Dialect::Mcp,
            Dialect::OpenAi,
            Dialect::Anthropic,
        ] {
            meta_valid(&plain.schema_for(dialect).unwrap());
        }
    }
    let mut flattened = Fixture::named("t").done();
    flattened.input_schema["oneOf"] = json!([{"required": ["a"]}]);
    for dialect in [Dialect::OpenAi, Dialect::Anthropic, strict, Dialect::Gemini] {
        refused(&flattened, dialect, "tool `t`: ");
    }
}

#[test]
fn strict_limits_are_enforced() {
    let mut schema = json!({"type": "string"});
    for _ in 0..10 {
        schema = json!({"type": "object", "properties": {"a": schema}, "required": ["a"]});
    }
    let deep = Fixture::named("t").extended::<Item>("deep", schema).done();
    refused(
        &deep,
        Dialect::OpenAiStrict,
        "tool `t`: openai-strict takes at most 10 levels",
    );
    let words: Vec<String> = (0..1_001).map(|it| it.to_string()).collect();
    let wide = Fixture::named("t")
        .extended::<String>("word", json!({"enum": words}))
        .done();
    refused(
        &wide,
        Dialect::OpenAiStrict,
        "tool `t`: openai-strict takes at most 1000 enum values",
    );
}

#[test]
fn models_do_not_see_what_people_are_asked() {
    let descriptor = Fixture::named("file_support_ticket")
        .with::<String>("summary")
        .with::<String>("description")
        .with::<Severity>("severity")
        .hidden(&["description", "severity"])
        .done();
    for dialect in Dialect::ALL {
        let seen = descriptor.schema_for(dialect).unwrap();
        assert_eq!(seen["properties"].as_object().unwrap().len(), 1, "{dialect}");
        assert_eq!(seen["required"], json!(["summary"]), "{dialect}");
        assert!(
            !descriptor
                .tool_for(dialect)
                .unwrap()
                .to_string()
                .contains("severity")
        );
        let all = descriptor.full_schema_for(dialect).unwrap();
        assert_eq!(all["properties"].as_object().unwrap().len(), 3, "{dialect}");
    }
}

#[test]
fn secrets_do_not_leave_with_the_schema() {
    let descriptor = Fixture::named("login")
        .extended::<String>("token", json!({"default": "hunter2", "examples": ["hunter2"]}))
        .secret()
        .done();
    for dialect in Dialect::ALL {
        assert!(
            !descriptor
                .tool_for(dialect)
                .unwrap()
                .to_string()
                .contains("hunter2")
        );
    }
}

#[test]
fn mcp_results_are_objects() {
    let object = Fixture::named("t").returning::<Item>().done();
    let tool = object.tool_for(Dialect::Mcp).unwrap();
    assert!(!wraps_output(&object));
    assert_eq!(tool["outputSchema"]["type"], json!("object"));
    meta_valid(&tool["outputSchema"]);
    for wrapped in [
        Fixture::named("t").returning::<Vec<Tree>>().done(),
        Fixture::named("t").returning::<Option<Item>>().done(),
        Fixture::named("t").returning::<String>().done(),
    ] {
        assert!(wraps_output(&wrapped));
        let output = &wrapped.tool_for(Dialect::Mcp).unwrap()["outputSchema"];
        assert_eq!(output["type"], json!("object"));
        assert_eq!(output["required"], json!(["result"]));
        meta_valid(output);
        assert!(jsonschema::options().offline().build(output).is_ok(), "{output}");
    }
}

#[test]
fn schemas_are_rendered_once() {
    let rendered = Rendered::new(Arc::new(realistic()));
    let first = rendered.tool(Dialect::Mcp).unwrap();
    assert!(std::ptr::eq(first, rendered.tool(Dialect::Mcp).unwrap()));
    assert_eq!(
        serde_json::from_str::<Value>(first).unwrap(),
        realistic().tool_for(Dialect::Mcp).unwrap()
    );
    let map = Fixture::named("t").with::<BTreeMap<String, u8>>("labels").done();
    let rendered = Rendered::new(Arc::new(map));
    assert!(rendered.tool(Dialect::Gemini).is_err());
    assert!(rendered.tool(Dialect::Anthropic).is_ok());
    assert!(rendered.schema(Dialect::Gemini).is_err());
}

#[test]
fn what_strict_models_leave_out_is_taken_out_again() {
    let descriptor = Fixture::named("t")
        .with::<Vec<Item>>("items")
        .optional::<u32>("limit")
        .optional::<Option<String>>("q")
        .optional::<Option<Item>>("extra")
        .with::<Payment>("payment")
        .done();
    let strict = descriptor.schema_for(Dialect::OpenAiStrict).unwrap();
    let mut arguments = json!({
        "items": [{"price": 1.5, "count": 1, "tags": null, "note": null}],
        "limit": null,
        "q": null,
        "extra": {"price": 2.0, "count": 2, "tags": null, "note": "x"},
        "payment": {"kind": "cash", "drawer": 1},
    });
    assert!(jsonschema::is_valid(&strict, &arguments), "{strict}");
    let full = Validator::for_input(&descriptor);
    assert!(full.check(&arguments).is_err());
    strip_nulls(&descriptor, &mut arguments);
    assert_eq!(
        arguments,
        json!({
            "items": [{"price": 1.5, "count": 1, "note": null}],
            "q": null,
            "extra": {"price": 2.0, "count": 2, "note": "x"},
            "payment": {"kind": "cash", "drawer": 1},
        })
    );
    assert_eq!(full.check(&arguments), Ok(()));
    // A `null` for something required stays, and is refused.
    let mut wrong = json!({"items": null, "payment": null});
    strip_nulls(&descriptor, &mut wrong);
    assert_eq!(wrong, json!({"items": null, "payment": null}));
}
