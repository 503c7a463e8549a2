//! The contract with clients: how it is written, and that it is not broken.

#![allow(clippy::unwrap_used, reason = "tests")]

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What clients have been promised, a line each.
const PROMISED: &str = "bci/v1.lock";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Every file, with its comments.
fn files() -> FileDescriptorSet {
    let mut names: Vec<String> = std::fs::read_dir(folder().join("bci/v1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_some_and(|e| e == "proto"))
        .map(|name| format!("bci/v1/{name}"))
        .collect();
    names.sort();
    let mut compiler = protox::Compiler::new([folder()]).unwrap();
    compiler.include_source_info(true).open_files(names).unwrap();
    compiler.file_descriptor_set()
}

fn type_of(field: &FieldDescriptorProto) -> String {
    let plain = || format!("{:?}", field.r#type()).to_lowercase();
    let what = if field.type_name().is_empty() { plain() } else { field.type_name().to_owned() };
    let repeated = if field.label() == Label::Repeated { "repeated " } else { "" };
    let optional = if field.proto3_optional() { "optional " } else { "" };
    format!("{repeated}{optional}{what}")
}

/// What a client may rely on, a line each: messages with their fields, enumerations with their values, services with their methods.
fn promises(set: &FileDescriptorSet) -> BTreeSet<String> {
    fn message(prefix: &str, m: &DescriptorProto, lines: &mut BTreeSet<String>) {
        let name = format!("{prefix}.{}", m.name());
        lines.insert(format!("message {name}"));
        for f in &m.field {
            let oneof = f.oneof_index.filter(|_| !f.proto3_optional());
            let within =
                oneof.map_or_else(String::new, |at| format!(" in {}", m.oneof_decl[at as usize].name()));
            lines.insert(format!("field {name}.{} = {}: {}{within}", f.name(), f.number(), type_of(f)));
        }
        m.nested_type.iter().for_each(|nested| message(&name, nested, lines));
        m.enum_type.iter().for_each(|nested| enumeration(&name, nested, lines));
    }
    fn enumeration(prefix: &str, e: &EnumDescriptorProto, lines: &mut BTreeSet<String>) {
        for value in &e.value {
            lines.insert(format!("value {prefix}.{}.{} = {}", e.name(), value.name(), value.number()));
        }
    }
    let mut lines = BTreeSet::new();
    for file in &set.file {
        let package = file.package();
        file.message_type.iter().for_each(|m| message(package, m, &mut lines));
        file.enum_type.iter().for_each(|e| enumeration(package, e, &mut lines));
        for service in &file.service {
            for method in &service.method {
                let stream = if method.server_streaming() { "stream " } else { "" };
                lines.insert(format!(
                    "method {package}.{}.{}({}) returns {stream}{}",
                    service.name(),
                    method.name(),
                    method.input_type(),
                    method.output_type()
                ));
            }
        }
    }
    lines
}

/// What was promised once holds, whatever is added. Who adds something promises it with `BCI_PROMISE=1 cargo test -p bci-proto`;
/// a line that has to go is a new version of the interface.
#[test]
fn nothing_that_clients_were_promised_is_taken_back() {
    let path = folder().join(PROMISED);
    let now = promises(&files());
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let promised: BTreeSet<String> = known.lines().map(str::to_owned).collect();
    let broken: Vec<&String> = promised.difference(&now).collect();
    assert!(broken.is_empty(), "clients rely on this, and it is not so any more: {broken:#?}");
    if std::env::var_os("BCI_PROMISE").is_some() {
        let lines: Vec<&str> = now.iter().map(String::as_str).collect();
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        return;
    }
    let new: Vec<&String> = now.difference(&promised).collect();
    assert!(new.is_empty(), "not promised yet (BCI_PROMISE=1 cargo test -p bci-proto): {new:#?}");
}

#[test]
fn a_change_of_what_is_promised_is_noticed() {
    let set = files();
    let before = promises(&set);
    let change = |what: &dyn Fn(&mut FileDescriptorProto)| {
        let mut changed = set.clone();
        what(changed.file.iter_mut().find(|f| f.name().ends_with("intents.proto")).unwrap());
        before.difference(&promises(&changed)).count()
    };
    let first =
        |f: &mut FileDescriptorProto| f.message_type.iter().position(|m| m.name() == "Intent").unwrap();
    assert_eq!(change(&|_| ()), 0);
    assert_eq!(
        change(&|f| {
            let at = first(f);
            f.message_type[at].field[0].number = Some(99);
        }),
        1,
        "a number"
    );
    assert_eq!(
        change(&|f| {
            let at = first(f);
            f.message_type[at].field[0].set_type(Type::Uint32);
        }),
        1,
        "a type"
    );
    assert_eq!(
        change(&|f| {
            let at = first(f);
            f.message_type[at].field[0].name = Some("x".into());
        }),
        1,
        "a name"
    );
    assert_eq!(change(&|f| f.service[0].method[0].server_streaming = Some(false)), 1, "a stream");
    assert_eq!(
        change(&|f| {
            f.enum_type[0].value.pop();
        }),
        1,
        "a value"
    );
}

/// Texts in front of everything that clients see, by the path of descriptors.
fn undocumented(file: &FileDescriptorProto) -> Vec<String> {
    let info = file.source_code_info.as_ref().unwrap();
    let told = |path: &[i32]| {
        let found = info.location.iter().find(|location| location.path == path);
        found.is_some_and(|l| {
            !l.leading_comments().trim().is_empty() || !l.trailing_comments().trim().is_empty()
        })
    };
    let mut missing = Vec::new();
    let mut need = |path: &[i32], name: String| {
        if !told(path) {
            missing.push(format!("{}: {name}", file.name()));
        }
    };
    for (i, m) in (0..).zip(&file.message_type) {
        // Requests and responses are told of by their method; what is in them is not.
        if !m.name().ends_with("Request") && !m.name().ends_with("Response") {
            need(&[4, i], m.name().to_owned());
        }
        for (j, f) in (0..).zip(&m.field) {
            need(&[4, i, 2, j], format!("{}.{}", m.name(), f.name()));
        }
    }
    for (i, e) in (0..).zip(&file.enum_type) {
        need(&[5, i], e.name().to_owned());
        for (j, v) in (0..).zip(&e.value).skip(1) {
            need(&[5, i, 2, j], v.name().to_owned());
        }
    }
    for (i, s) in (0..).zip(&file.service) {
        need(&[6, i], s.name().to_owned());
        for (j, m) in (0..).zip(&s.method) {
            need(&[6, i, 2, j], format!("{}.{}", s.name(), m.name()));
        }
    }
    missing
}

#[test]
fn everything_says_what_it_is() {
    let missing: Vec<String> = files().file.iter().flat_map(undocumented).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The names by which generators and readers go: those of the style guide of protocol buffers.
#[test]
fn names_are_as_names_are() {
    let snake = |name: &str| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let camel = |name: &str| name.starts_with(|c: char| c.is_ascii_uppercase()) && !name.contains('_');
    let mut wrong = Vec::new();
    for file in files().file {
        assert_eq!(file.package(), "bci.v1", "{}", file.name());
        for m in &file.message_type {
            wrong.extend((!camel(m.name())).then(|| m.name().to_owned()));
            wrong.extend(
                m.field.iter().filter(|f| !snake(f.name())).map(|f| format!("{}.{}", m.name(), f.name())),
            );
        }
        for e in &file.enum_type {
            let mut prefix = String::new();
            for (at, c) in e.name().char_indices() {
                if at > 0 && c.is_ascii_uppercase() {
                    prefix.push('_');
                }
                prefix.extend(c.to_uppercase());
            }
            let odd = e.value.iter().filter(|v| !v.name().starts_with(&format!("{prefix}_")));
            wrong.extend(odd.map(|v| v.name().to_owned()));
            let none = e
                .value
                .first()
                .is_some_and(|v| v.number() == 0 && v.name() == format!("{prefix}_UNSPECIFIED"));
            wrong.extend((!none).then(|| format!("{}: its first value", e.name())));
        }
        for s in &file.service {
            wrong.extend((!s.name().ends_with("Service")).then(|| s.name().to_owned()));
            for m in &s.method {
                let (input, output) =
                    (format!(".bci.v1.{}Request", m.name()), format!(".bci.v1.{}Response", m.name()));
                let good = m.input_type() == input && m.output_type() == output;
                wrong.extend((!good).then(|| format!("{}.{}", s.name(), m.name())));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
