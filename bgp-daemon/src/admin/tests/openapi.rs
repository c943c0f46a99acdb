//! The OpenAPI document is made from the endpoints and the types, and committed beside the code.

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::super::api::*;
use super::super::endpoint::{Endpoint, Method};
use super::super::router::OPENAPI;

#[test]
fn the_committed_document_is_what_endpoints_and_types_say() {
    let made = format!("{}\n", serde_json::to_string_pretty(&document()).unwrap());
    if std::env::var_os("PEREGRINE_BLESS").is_some() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin/openapi.json");
        std::fs::write(path, &made).unwrap();
        return;
    }
    assert!(made == OPENAPI, "run the tests once with PEREGRINE_BLESS=1 and commit openapi.json");
}

#[test]
fn every_endpoint_is_in_the_document_and_nothing_else() {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let paths = document["paths"].as_object().unwrap();
    for endpoint in Endpoint::ALL {
        let method = match endpoint.method() {
            Method::Get => "get",
            Method::Post => "post",
        };
        assert!(paths[endpoint.path()][method]["summary"].is_string(), "{}", endpoint.path());
    }
    assert_eq!(paths.len(), Endpoint::ALL.len());
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let text = OPENAPI.to_owned();
    for reference in text.split("\"$ref\": \"").skip(1) {
        let name = reference.split('"').next().unwrap().strip_prefix("#/components/schemas/").unwrap();
        assert!(schemas.contains_key(name), "{name}");
    }
}

fn document() -> Value {
    let mut generator = SchemaSettings::openapi3().into_generator();
    let mut paths = Map::new();
    for endpoint in Endpoint::ALL {
        let operation = operation(*endpoint, &mut generator);
        let method = match endpoint.method() {
            Method::Get => "get",
            Method::Post => "post",
        };
        paths.insert(endpoint.path().to_owned(), json!({ method: operation }));
    }
    json!({
        "openapi": "3.0.3",
        "info": {
            "title": "Peregrine admin API",
            "version": SCHEMA.to_string(),
            "description": "HTTP over the Unix socket of the daemon and, what only reads, over the TCP port of \
                `[api] http`. `/metrics`, `/livez` and `/readyz` answer in text; every other reply, and every \
                error, has `schema` beside its fields. Times are milliseconds since 1970 (UTC), durations \
                whole seconds.",
        },
        "paths": paths,
        "components": { "schemas": generator.take_definitions(true) },
    })
}

fn operation(endpoint: Endpoint, generator: &mut SchemaGenerator) -> Value {
    let text = || schemars::json_schema!({ "type": "string" });
    let (summary, reply) = match endpoint {
        Endpoint::Status => ("The daemon as a whole", generator.subschema_for::<Reply<Status>>()),
        Endpoint::Peers => ("Every peer, sorted by address", generator.subschema_for::<Reply<Peers>>()),
        Endpoint::Peer => ("One peer, by name or address", generator.subschema_for::<Reply<Peer>>()),
        Endpoint::Routes => ("Routes, streamed as they are read", generator.subschema_for::<Reply<Routes>>()),
        Endpoint::Explain => ("Everything about one prefix", generator.subschema_for::<Reply<Explanation>>()),
        Endpoint::Fib => ("How the kernel differs", generator.subschema_for::<Reply<FibReport>>()),
        Endpoint::Groups => ("Update groups", generator.subschema_for::<Reply<Groups>>()),
        Endpoint::Config => ("The configuration in force", generator.subschema_for::<Reply<ConfigReport>>()),
        Endpoint::OpenApi => ("This document", schemars::json_schema!({ "type": "object" })),
        Endpoint::Metrics => ("OpenMetrics for Prometheus and its relatives", text()),
        Endpoint::Livez => ("Whether the loops turn: 200 or 503", text()),
        Endpoint::Readyz => ("Whether the daemon has come into service: 200 or 503", text()),
        Endpoint::Announce => ("Announce prefixes until withdrawn", generator.subschema_for::<Reply<Done>>()),
        Endpoint::Withdraw => ("Withdraw announced prefixes", generator.subschema_for::<Reply<Done>>()),
        Endpoint::Reload => ("Read the configuration again", generator.subschema_for::<Reply<Done>>()),
        Endpoint::Repair => ("Compare the kernel and put it right", generator.subschema_for::<Reply<Done>>()),
        Endpoint::Refresh => ("Exchange routes again", generator.subschema_for::<Reply<Done>>()),
        Endpoint::Clear => ("End the session and start another", generator.subschema_for::<Reply<Done>>()),
        Endpoint::Disable => ("Keep the session down", generator.subschema_for::<Reply<Done>>()),
        Endpoint::Enable => ("Let the session come up", generator.subschema_for::<Reply<Done>>()),
    };
    let body = match endpoint {
        Endpoint::Announce | Endpoint::Withdraw => Some((generator.subschema_for::<Prefixes>(), true)),
        Endpoint::Refresh => Some((generator.subschema_for::<Refresh>(), false)),
        Endpoint::Disable => Some((generator.subschema_for::<Disable>(), false)),
        _ => None,
    };
    let mut parameters = Vec::new();
    if endpoint.path().contains("{peer}") {
        parameters.push(parameter("peer", "path", "Name or address", &json!({ "type": "string" }), true));
    }
    if endpoint == Endpoint::Explain {
        parameters.push(parameter("prefix", "query", "The prefix", &json!({ "type": "string" }), true));
    }
    if endpoint == Endpoint::Metrics {
        let flag = json!({ "type": "boolean", "default": true });
        parameters.push(parameter("peers", "query", "Whether series of each peer are wanted", &flag, false));
    }
    if endpoint == Endpoint::Routes {
        let text = || json!({ "type": "string" });
        let flag = || json!({ "type": "boolean" });
        let families = json!({ "type": "string", "enum": ["ipv4-unicast", "ipv6-unicast"] });
        let formats = json!({ "type": "string", "enum": ["json", "jsonl"] });
        parameters.extend([
            parameter("prefix", "query", "One prefix", &text(), false),
            parameter("longer", "query", "Everything inside the prefix too", &flag(), false),
            parameter("family", "query", "One family", &families, false),
            parameter("received", "query", "What this peer sent, before import policy", &text(), false),
            parameter("advertised", "query", "What this peer is told", &text(), false),
            parameter("fib", "query", "What should be in the kernel", &flag(), false),
            parameter("format", "query", "One document, or one route a line", &formats, false),
        ]);
    }
    let failure = generator.subschema_for::<Reply<Failure>>();
    let mut operation = json!({
        "summary": summary,
        "responses": {
            "200": { "description": "Done", "content": { content_type(endpoint): { "schema": reply } } },
            "default": {
                "description": "400 invalid, 404 not found, 409 failed, 503 unavailable",
                "content": { "application/json": { "schema": failure } },
            },
        },
    });
    if !parameters.is_empty() {
        operation["parameters"] = Value::from(parameters);
    }
    if let Some((schema, required)) = body {
        let content = json!({ "application/json": { "schema": schema } });
        operation["requestBody"] = json!({ "required": required, "content": content });
    }
    operation
}

fn content_type(endpoint: Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Metrics => "application/openmetrics-text",
        Endpoint::Livez | Endpoint::Readyz => "text/plain",
        _ => "application/json",
    }
}

fn parameter(name: &str, place: &str, about: &str, schema: &Value, required: bool) -> Value {
    json!({ "name": name, "in": place, "description": about, "schema": schema, "required": required })
}
