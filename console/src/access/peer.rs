//! Which user of this machine makes a connection to a loopback address, as the kernel says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The table of TCP connections of one family.
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];

/// The user of the socket at `peer` that is connected to `own`; `None` where the kernel does not tell.
pub(crate) fn user_of(peer: SocketAddr, own: SocketAddr) -> Option<u32> {
    TABLES.iter().find_map(|table| user_in(&std::fs::read_to_string(table).ok()?, peer, own))
}

/// The user of this process; `None` where the kernel does not tell.
pub(crate) fn own_user() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    // Real, effective, saved and file system: a socket has the last.
    status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().nth(3)?.parse().ok()
}

fn user_in(table: &str, peer: SocketAddr, own: SocketAddr) -> Option<u32> {
    table.lines().skip(1).find_map(|line| {
        let mut words = line.split_whitespace();
        let (local, remote) = (address(words.nth(1)?)?, address(words.next()?)?);
        let user = words.nth(4)?.parse().ok()?;
        (is_same(local, peer) && is_same(remote, own)).then_some(user)
    })
}

fn is_same(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port() && one.ip().to_canonical() == other.ip().to_canonical()
}

/// An address as the kernel writes it: words of four bytes in the machine's order, in hexadecimal digits.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let word = |at: usize| Some(u32::from_str_radix(ip.get(at * 8..at * 8 + 8)?, 16).ok()?.to_ne_bytes());
    let ip = match ip.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for at in 0..4 {
                bytes[at * 4..at * 4 + 4].copy_from_slice(&word(at)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_whose_a_connection_is() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap();
        let client = std::net::TcpStream::connect(own).unwrap();
        let peer = client.local_addr().unwrap();
        assert_eq!(user_of(peer, own), own_user());
        assert!(own_user().is_some());
        let nobody = SocketAddr::new(peer.ip(), 1);
        assert_eq!(user_of(nobody, own), None);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn both_families_are_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                     0: 0100007F:1F90 0100007F:2253 01 00000000:00000000 00:00000000 00000000  1000        0 1\n";
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        assert_eq!(user_in(table, at(0x1F90), at(0x2253)), Some(1000));
        assert_eq!(user_in(table, at(0x2253), at(0x1F90)), None);
        assert_eq!(address("00000000000000000000000001000000:0050"), Some("[::1]:80".parse().unwrap()));
    }
}
