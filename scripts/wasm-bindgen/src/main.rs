//! Makes the JavaScript that loads the page's wasm.
//!
//! `wasm-bindgen-site <input.wasm> <out folder> <name>` writes `<name>.js` and `<name>_bg.wasm`, as
//! `wasm-bindgen --target web --no-typescript` does. The whole command line tool takes several times
//! as long to compile, since it carries a test runner.

use std::{env, error::Error, path::PathBuf};

use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [input, folder, name] = arguments.as_slice() else {
        return Err("usage: wasm-bindgen-site <input.wasm> <out folder> <name>".into());
    };
    let name = name.to_str().ok_or("the name must be text")?;
    let mut bindgen = Bindgen::new();
    bindgen.input_path(input).out_name(name).web(true)?.typescript(false);
    bindgen.generate(folder)?;
    Ok(())
}
