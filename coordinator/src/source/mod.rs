//! The source: cut into chunks, declared as its sender would, and read once more where differences are walked down.

pub mod again;
pub mod declare;
pub mod split;
pub mod wanted;
