//! Makes the messages of `proto/` types, and describes them for those who ask the server what it speaks.

use std::{env, error::Error, fs, path::Path};

use protox::prost::Message;

/// Messages that hold nothing, or that nobody reads: what they ask for is refused.
const EMPTY: [&str; 7] = [
    ".inference.ServerLiveRequest",
    ".inference.ServerReadyRequest",
    ".inference.ServerMetadataRequest",
    ".inference.RepositoryModelLoadRequest",
    ".inference.RepositoryModelLoadResponse",
    ".inference.RepositoryModelUnloadRequest",
    ".inference.RepositoryModelUnloadResponse",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    let files = protox::compile(["model_repository.proto", "health.proto"], ["proto"])?;
    fs::write(Path::new(&out).join("descriptors.bin"), files.encode_to_vec())?;
    let mut config = prost_build::Config::new();
    for message in EMPTY {
        config.extern_path(message, "()");
    }
    // A tensor that was received is not copied.
    config.bytes(["."]).compile_fds(files)?;
    Ok(())
}
