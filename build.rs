//! Makes cargo notice a new build of the console: its files become part of the program, and their names change.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // A debug build reads them when it starts.
    if std::env::var_os("PROFILE").is_some_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed=web/dist");
    }
}
