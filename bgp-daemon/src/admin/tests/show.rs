//! What a terminal shows, to the letter: the texts are in `golden/`.

use super::super::api::RouteFlags;
use super::super::backend::Backend;
use super::super::show;
use super::fake::{self, Fake, NOW};

pub(super) fn golden(name: &str, shown: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin/tests/golden").join(name);
    if std::env::var_os("PEREGRINE_BLESS").is_some() {
        std::fs::write(&path, shown).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert_eq!(shown, expected, "{name}");
    assert!(!shown.lines().any(|line| line.ends_with(' ')), "no line ends in blanks: {shown}");
}

#[test]
fn status_is_one_page() {
    golden("status.txt", &show::status(&fake::status(), NOW));
}

#[test]
fn peers_are_a_table() {
    golden("peers.txt", &show::peers(&fake::peers(), false, NOW));
    golden("peers-wide.txt", &show::peers(&fake::peers(), true, NOW));
}

#[test]
fn a_peer_has_a_page_of_its_own() {
    golden("peer.txt", &show::peer(&fake::peer("tor-1", "192.0.2.254"), NOW));
}

#[test]
fn routes_have_codes_in_fixed_places() {
    golden("routes.txt", &show::RouteTable::new(false).page(&fake::routes()));
    golden("routes-wide.txt", &show::RouteTable::new(true).page(&fake::routes()));
    let all = RouteFlags {
        valid: true,
        best: false,
        multipath: true,
        internal: true,
        stale: true,
        not_in_kernel: true,
    };
    assert_eq!(show::codes(&all), "*=iSr");
}

#[tokio::test]
async fn the_other_readers() {
    let fake = Fake { differs: true, ..Fake::default() };
    golden("fib.txt", &show::fib(&fake.fib().await.unwrap()));
    golden("groups.txt", &show::groups(&fake.groups().await.unwrap(), false));
    let explanation = fake.explain("10.60.3.64/26".parse().unwrap()).await.unwrap();
    golden("explain.txt", &show::explanation(&explanation));
}
