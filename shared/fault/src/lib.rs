//! Fault points: named places in the code at which a test makes the process die, freeze, fail, lose a reply, do its
//! work twice, or be slow.
//!
//! [`point!`] marks a place between two steps. [`around!`] wraps a step whose outcome can be an error: it is a point
//! before it (`NAME.before`), a point after it (`NAME.after`), and the step itself (`NAME`), which can fail, lose its
//! reply, or be done twice. Both expand to nothing but the step unless the feature `fault-points` is on, which a build
//! without debug assertions, as released ones are, refuses.
//!
//! `CROSSFOOT_FAULT` says what happens where: `NAME@N=ACTION`, comma-separated. `@N` is the N-th time that the process
//! comes there (the first, unless it is given); `@N+` is that time and every later one. What struck is written, line by
//! line, into the file that `CROSSFOOT_FAULT_LOG` names.

#[cfg(all(feature = "fault-points", not(debug_assertions)))]
compile_error!(
    "fault points are for tests: a build without debug assertions, as released ones are, must have none"
);

/// An error that a fault point can return in place of what really happened.
pub trait Injected {
    /// Returns a failure that may heal by itself, with this reason.
    fn injected(reason: String) -> Self;
}

/// A place between two steps, at which the process can die, freeze or be slow.
#[cfg(not(feature = "fault-points"))]
#[macro_export]
macro_rules! point {
    ($name:expr) => {
        // Never evaluated: what the name is made of counts as used.
        if false {
            let _ = $name;
        }
    };
}

/// A step, given as an expression of type `Result`, with what can happen before, instead of, and after it. The
/// expression is evaluated twice if the step is to be done twice.
#[cfg(not(feature = "fault-points"))]
#[macro_export]
macro_rules! around {
    ($name:expr, $step:expr) => {
        $step
    };
}

/// A place between two steps, at which the process can die, freeze or be slow.
#[cfg(feature = "fault-points")]
#[macro_export]
macro_rules! point {
    ($name:expr) => {
        $crate::reach(&$name)
    };
}

/// A step, given as an expression of type `Result`, with what can happen before, instead of, and after it. The
/// expression is evaluated twice if the step is to be done twice.
#[cfg(feature = "fault-points")]
#[macro_export]
macro_rules! around {
    ($name:expr, $step:expr) => {{
        let name = String::from($name);
        $crate::reach(&format!("{name}.before"));
        let done = match $crate::of_step(&name) {
            Some($crate::OfStep::Fail) => {
                Err($crate::Injected::injected(format!("fault point {name}: failed")))
            }
            Some($crate::OfStep::Twice) => match $step {
                Ok(first) => {
                    // What it holds is let go first, as the lost reply of a step would be.
                    $crate::let_go(first);
                    $step
                }
                failed => failed,
            },
            Some($crate::OfStep::LoseReply) => $step.and_then(|_| {
                Err($crate::Injected::injected(format!("fault point {name}: the reply was lost")))
            }),
            None => $step,
        };
        $crate::reach(&format!("{name}.after"));
        done
    }};
}

#[cfg(feature = "fault-points")]
mod points;

#[cfg(feature = "fault-points")]
pub use points::{OfStep, let_go, of_step, reach};
