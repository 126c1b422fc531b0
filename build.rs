//! Link settings that every napi-rs addon needs.
fn main() {
    napi_build::setup();
}
