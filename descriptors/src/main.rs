//! Compiles the descriptor set that `temporal-sim` reads and writes proto JSON with.
//!
//! ```text
//! cargo run -p temporal-sim-descriptors [PROTO_ROOT]
//! ```
//!
//! `PROTO_ROOT` is the `protos` folder of the `temporalio-protos` crate; without it, the folder of the
//! version that this workspace is locked to. Run it after every update of the official crates: the
//! messages of the descriptor set must be those that the crates were generated from.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};
use prost::Message as _;
use protox::prost_reflect::prost_types::FileDescriptorProto;

/// Where the result goes, seen from the root of the workspace.
const OUTPUT: &str = "src/proto_json/descriptors.bin";

/// The folders of `PROTO_ROOT` in which imports are looked for.
const INCLUDES: [&str; 3] = ["api_upstream", "testsrv_upstream", ""];

/// Everything that can occur in a call, in a history or in an `Any` inside of one; imports follow.
const FILES: [&str; 12] = [
    "temporal/api/workflowservice/v1/service.proto",
    "temporal/api/operatorservice/v1/service.proto",
    "temporal/api/testservice/v1/service.proto",
    "temporal/api/history/v1/message.proto",
    "temporal/api/errordetails/v1/message.proto",
    "temporal/api/protocol/v1/message.proto",
    "temporal/api/update/v1/message.proto",
    "temporal/api/sdk/v1/user_metadata.proto",
    "temporal/api/sdk/v1/workflow_metadata.proto",
    "temporal/api/sdk/v1/enhanced_stack_trace.proto",
    "google/protobuf/struct.proto",
    "google/rpc/status.proto",
];

/// Imports that only define options of services and fields, which no message on the wire is made of.
const ANNOTATIONS: [&str; 5] = [
    "google/api/",
    "google/protobuf/descriptor.proto",
    "nexusannotations/",
    "protoc-gen-",
    "temporal/api/protometa/",
];

fn main() -> Result<()> {
    let root = match std::env::args_os().nth(1) {
        Some(argument) => PathBuf::from(argument),
        None => locked_proto_root()?,
    };
    let output = output();
    std::fs::write(&output, compile(&root)?).with_context(|| format!("cannot write {}", output.display()))
}

fn output() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(OUTPUT)
}

/// The `protos` folder of the `temporalio-protos` crate in `Cargo.lock`.
fn locked_proto_root() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .context("cannot run `cargo metadata`")?;
    ensure!(output.status.success(), "`cargo metadata` failed: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let package = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"] == "temporalio-protos")
        .context("`temporalio-protos` is no dependency of the workspace: pass PROTO_ROOT instead")?;
    match package["manifest_path"].as_str() {
        Some(manifest) => Ok(Path::new(manifest).with_file_name("protos")),
        None => bail!("`cargo metadata` gives `temporalio-protos` no manifest path"),
    }
}

/// The bytes of the descriptor set.
fn compile(root: &Path) -> Result<Vec<u8>> {
    let mut compiler = protox::Compiler::new(INCLUDES.map(|folder| root.join(folder)))?;
    compiler.include_imports(true).include_source_info(false);
    compiler.open_files(FILES).with_context(|| format!("cannot compile the files in {}", root.display()))?;
    let mut set = compiler.file_descriptor_set();
    set.file.retain(|file| !is_annotation(file.name()));
    set.file.iter_mut().for_each(strip);
    Ok(set.encode_to_vec())
}

fn is_annotation(file: &str) -> bool {
    ANNOTATIONS.iter().any(|prefix| file.starts_with(prefix))
}

/// Removes what a reader of messages has no use for.
fn strip(file: &mut FileDescriptorProto) {
    file.dependency.retain(|import| !is_annotation(import));
    file.public_dependency.clear();
    file.weak_dependency.clear();
    file.options = None;
    for method in file.service.iter_mut().flat_map(|service| &mut service.method) {
        method.options = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_descriptor_set_is_that_of_the_locked_crate() {
        let compiled = compile(&locked_proto_root().unwrap()).unwrap();
        let committed = std::fs::read(output()).unwrap();
        assert!(compiled == committed, "run `cargo run -p temporal-sim-descriptors` and commit {OUTPUT}");
    }
}
