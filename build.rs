//! Links the stack unwinder into our programs instead of loading it from `libgcc_s.so`.
//!
//! fork(2) copies every mapping of the parent and the child's exit takes each one down again; the
//! five mappings of that library, which a rung never uses, are one twentieth of the price of
//! `concurrentserver_final`'s answer.

use std::{env, error::Error, fs, path::Path, process::Command};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    let target = |key| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    if (target("OS").as_str(), target("ENV").as_str()) != ("linux", "gnu") {
        return Ok(());
    }
    // Where there is no such archive, as with a linker that is not GCC's or for another target,
    // the shared library does as well.
    let found = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output();
    let archive = found.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    if let Ok(archive) = archive
        && Path::new(&archive).is_absolute()
        && env::var("HOST") == env::var("TARGET")
    {
        // The standard library asks for -lgcc_s; a linker script of that name, found first, gives
        // it the archive.
        let folder = env::var("OUT_DIR")?;
        let script = Path::new(&folder).join("libgcc_s.so");
        fs::write(script, format!("GROUP ( {archive} -lgcc )\n"))?;
        println!("cargo:rustc-link-search=native={folder}");
    }
    Ok(())
}
