//! `sqlx::migrate!` embeds the migrations; cargo must know that they are part of the build.
fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
