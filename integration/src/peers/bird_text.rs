//! What `birdc` prints, read back.

use std::net::IpAddr;

use ipnet::IpNet;

use super::speaker::{PeerRoute, communities, numbers};

/// Reads `show route all` of either version; `neighbor` finds the address behind a protocol name.
/// Routes of BGP and static protocols only: what BIRD reads from the kernel is not its own.
pub(super) fn read_routes(text: &str, neighbor: impl Fn(&str) -> Option<IpAddr>) -> Vec<PeerRoute> {
    let mut routes: Vec<PeerRoute> = Vec::new();
    let mut prefix = None;
    // Attributes of a skipped route must not go to the one before it.
    let mut open = false;
    for line in text.lines() {
        let word = line.split_whitespace().next().unwrap_or_default();
        if let Ok(net) = word.parse::<IpNet>()
            && !line.starts_with(char::is_whitespace)
        {
            prefix = Some(net);
        }
        if let (Some(net), Some(header)) = (prefix, Header::read(line)) {
            let from = neighbor(header.protocol);
            open = from.is_some() || header.protocol.starts_with("own");
            if open {
                routes.push(PeerRoute { from, best: header.best, ..PeerRoute::bare(net) });
            }
        } else if let (true, Some((name, value)), Some(route)) =
            (open, line.trim().split_once(": "), routes.last_mut())
        {
            fill(route, name, value);
        }
    }
    routes
}

struct Header<'a> {
    protocol: &'a str,
    best: bool,
}

impl<'a> Header<'a> {
    /// `… [protocol time from address] * (100) …`: the bracket followed by a preference.
    fn read(line: &'a str) -> Option<Self> {
        let (_, rest) = line.split_once('[')?;
        let (inside, after) = rest.split_once(']')?;
        let after = after.trim_start();
        let best = after.starts_with('*');
        let marked = after.trim_start_matches(['*', '!', '=', ' ']);
        marked.starts_with('(').then_some(())?;
        Some(Self { protocol: inside.split_whitespace().next()?, best })
    }
}

fn fill(route: &mut PeerRoute, name: &str, value: &str) {
    match name {
        "BGP.as_path" => route.as_path = numbers(value),
        // A second address is the link-local one.
        "BGP.next_hop" => {
            route.next_hop = value.split_whitespace().next().and_then(|first| first.parse().ok());
        }
        "BGP.local_pref" => route.local_pref = value.trim().parse().ok(),
        "BGP.med" => route.med = value.trim().parse().ok(),
        "BGP.community" => route.communities = communities(value),
        "BGP.originator_id" => route.originator = value.trim().parse().ok(),
        "BGP.cluster_list" => {
            route.clusters = value.split_whitespace().filter_map(|id| id.parse().ok()).collect();
        }
        _ => {}
    }
}

/// Whether `show protocols` shows the BGP protocol as established.
pub(super) fn session_is_up(text: &str, protocol: &str) -> bool {
    text.lines().any(|line| {
        let mut words = line.split_whitespace();
        words.next() == Some(protocol) && words.any(|word| word == "Established")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neighbor(name: &str) -> Option<IpAddr> {
        (name == "n0").then(|| "192.0.2.1".parse().unwrap())
    }

    #[test]
    fn version_2_routes_are_read_with_their_attributes() {
        let text = "BIRD 2.0.12 ready.\nTable master4:\n\
            10.1.0.0/24          unicast [n0 12:00:00.123] * (100) [AS65001i]\n\
            \tvia 192.0.2.1 on lan\n\tType: BGP univ\n\tBGP.origin: IGP\n\tBGP.as_path: 65001 65002\n\
            \tBGP.next_hop: 192.0.2.1\n\tBGP.med: 7\n\tBGP.local_pref: 100\n\
            \tBGP.community: (65000,1) (65000,2)\n\
            \tBGP.originator_id: 192.0.2.9\n\tBGP.cluster_list: 192.0.2.8 192.0.2.7\n\
            192.0.2.0/24         unicast [direct1 12:00:00.123] * (240)\n\tdev lan\n\tType: device univ\n\
            10.2.0.0/24          blackhole [ownipv4 12:00:00.123] * (200)\n\tType: static univ\n\
            \u{20}                    unicast [n0 12:00:00.123] (100) [AS65001i]\n\
            \tBGP.as_path: 65001\n";
        let routes = read_routes(text, neighbor);
        assert_eq!(routes.len(), 3);
        let expected = PeerRoute {
            next_hop: Some("192.0.2.1".parse().unwrap()),
            from: neighbor("n0"),
            as_path: vec![65001, 65002],
            local_pref: Some(100),
            med: Some(7),
            communities: vec![(65000, 1), (65000, 2)],
            originator: Some("192.0.2.9".parse().unwrap()),
            clusters: vec!["192.0.2.8".parse().unwrap(), "192.0.2.7".parse().unwrap()],
            best: true,
            ..PeerRoute::bare("10.1.0.0/24".parse().unwrap())
        };
        assert_eq!(routes[0], expected);
        assert_eq!((routes[1].from, routes[1].best), (None, true));
        assert_eq!((routes[2].prefix, routes[2].best), (routes[1].prefix, false));
        assert_eq!(routes[2].as_path, [65001]);
    }

    #[test]
    fn version_1_routes_are_read_too() {
        let text = "fd01::/64          via fe80::1 on lan [n0 12:00:00 from 192.0.2.1] * (100) [i]\n\
            \tType: BGP unicast univ\n\tBGP.next_hop: 2001:db8::1 fe80::1\n\tBGP.as_path: \n";
        let routes = read_routes(text, neighbor);
        assert_eq!(routes.len(), 1);
        assert_eq!(routes[0].next_hop, Some("2001:db8::1".parse().unwrap()));
        assert!(routes[0].best && routes[0].as_path.is_empty());
    }

    #[test]
    fn only_established_sessions_are_up() {
        let text = "n0       BGP      master   up     12:00:00  Established   \n\
            n1       BGP      master   start  12:00:00  Active        \n";
        assert!(session_is_up(text, "n0"));
        assert!(!session_is_up(text, "n1"));
        assert!(!session_is_up(text, "n2"));
    }
}
