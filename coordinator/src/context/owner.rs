//! How a coordinator signs its leases, and what tells that the process which signed one is gone.
//!
//! A host's name and a process's number are not enough: two containers may have both in common, and a number is given
//! again. So a signature names the boot of the kernel, the namespace in which the number counts, and when the process
//! started. Only where boot and namespace are this process's own can it tell that the other is gone; otherwise the
//! other's lease runs out.

use std::path::Path;
use std::sync::OnceLock;

use domain::lease::Holder;
use platform::clock::{Clock, SystemClock, iso};

/// When this process first signed. Its signature must stay the same.
static SINCE: OnceLock<String> = OnceLock::new();

/// The boot and the process namespace in which a process number counts.
#[derive(Debug, PartialEq, Eq)]
struct PidNamespace {
    boot: String,
    namespace: String,
}

impl PidNamespace {
    /// Of this process; none where there is no `/proc`.
    fn here() -> Option<Self> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        // A link such as `pid:[4026531836]`.
        let link = std::fs::read_link("/proc/self/ns/pid").ok()?;
        let namespace = link.to_str()?.strip_prefix("pid:[")?.strip_suffix(']')?.to_owned();
        Some(Self { boot: boot.trim().to_owned(), namespace })
    }
}

/// When the process with this number started, in ticks since the boot (proc(5), field 22 of `stat`); none if there is
/// none.
fn started(pid: &str) -> Option<String> {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).ok()?;
    // The second field is the command in brackets, in which anything may stand.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19).map(str::to_owned)
}

/// Whether this process sees every process of its namespace, by what the kernel says of its mounts (proc(5)). With
/// `hidepid`, one that cannot be seen may be alive. Not known: no.
fn sees_all(mounts: &str) -> bool {
    let proc = mounts.lines().rev().find_map(|line| {
        let (mount, filesystem) = line.split_once(" - proc ")?;
        (mount.split(' ').nth(4) == Some("/proc")).then_some(filesystem)
    });
    proc.is_some_and(|options| {
        let hidden = options.split([' ', ',']).find_map(|option| option.strip_prefix("hidepid="));
        hidden.is_none_or(|how| matches!(how, "0" | "off"))
    })
}

/// This process's signature: no other process signs so.
pub(crate) fn signed(actor: &str) -> String {
    let pid = std::process::id().to_string();
    let since = SINCE.get_or_init(|| iso(SystemClock.now_ms()));
    let own = format!("{actor} pid {pid} (crossfoot {} since {since}", env!("CARGO_PKG_VERSION"));
    match PidNamespace::here().zip(started(&pid)) {
        None => format!("{own})"),
        Some((here, started)) => {
            format!("{own}, boot {}, pid namespace {}, start {started})", here.boot, here.namespace)
        }
    }
}

/// Whether `owner` was a process on this host that has ended. Nothing is known of processes elsewhere.
pub(crate) fn is_dead(owner: &str, host: &str) -> bool {
    is_gone(owner, host).unwrap_or(false)
}

/// Whether `owner` was a process of this boot and namespace that has ended, whatever its host calls itself.
#[must_use]
pub fn is_dead_here(owner: &str) -> bool {
    Holder::of(owner).host.is_some_and(|host| is_dead(owner, host))
}

fn is_gone(owner: &str, host: &str) -> Option<bool> {
    let (who, rest) = owner.split_once(" pid ")?;
    if who.rsplit_once('@')?.1 != host {
        return None;
    }
    let (pid, rest) = rest.split_once(" (")?;
    // Signatures of 0.1.0 begin with the boot.
    let (_, rest) = rest.split_once("boot ")?;
    let (boot, rest) = rest.split_once(", pid namespace ")?;
    let (namespace, start) = rest.strip_suffix(')')?.split_once(", start ")?;
    let here = PidNamespace::here()?;
    if here.boot != boot || here.namespace != namespace || pid.parse::<u32>().is_err() {
        return None;
    }
    match started(pid) {
        Some(now) => Some(now != start),
        None => sees_all(&std::fs::read_to_string("/proc/self/mountinfo").ok()?).then_some(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_may_be_hidden_is_not_known_to_be_gone() {
        let mounts = |options: &str| {
            format!(
                "21 1 8:1 / / rw - ext4 /dev/vda rw\n22 21 0:20 / /proc rw,nosuid - proc proc {options}\n"
            )
        };
        for (options, all) in [
            ("rw", true),
            ("rw,hidepid=0", true),
            ("rw,hidepid=off", true),
            ("rw,hidepid=1", false),
            ("rw,hidepid=2,gid=4", false),
            ("rw,hidepid=invisible", false),
            ("rw,hidepid=ptraceable", false),
        ] {
            assert_eq!(sees_all(&mounts(options)), all, "{options}");
        }
        // The mount on top counts.
        assert!(!sees_all(&(mounts("rw") + &mounts("rw,hidepid=2"))));
        assert!(!sees_all(""));
    }

    #[test]
    fn only_a_process_beside_this_one_is_known_to_be_gone() {
        let own = signed("me@vm");
        assert!(!is_dead(&own, "vm"), "{own}");
        let pid = format!("pid {} ", std::process::id());
        // A number that no process has, and this process's number of an earlier process.
        assert!(is_dead(&own.replace(&pid, "pid 4194999 "), "vm"));
        let start = own.rsplit_once(", start ").unwrap().0;
        assert!(is_dead(&format!("{start}, start 1)"), "vm"));
        // As 0.1.0 signed.
        let gone = own.replace(&pid, "pid 4194999 ");
        let (before, rest) = gone.split_once("crossfoot ").unwrap();
        assert!(is_dead(&format!("{before}{}", rest.split_once(", ").unwrap().1), "vm"));
        // Of another host, another boot, another namespace, or of a signature that does not say: nothing is known.
        assert!(!is_dead(&gone, "elsewhere"));
        assert!(!is_dead(&gone.replace("boot ", "boot 0"), "vm"));
        assert!(!is_dead(&gone.replace("namespace ", "namespace 9"), "vm"));
        assert!(!is_dead("me@vm pid 4194999", "vm"));
        assert!(!is_dead("", "vm"));
    }
}
