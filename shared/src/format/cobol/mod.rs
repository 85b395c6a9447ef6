//! Fields as COBOL lays them down.
