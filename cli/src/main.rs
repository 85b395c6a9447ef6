//! crossfoot
fn main() {}
