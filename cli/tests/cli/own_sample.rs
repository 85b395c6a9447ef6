//! What `init` makes of a sample loads that sample.

use super::desk::Desk;

fn loads(name: &str, sample: &[u8]) {
    let desk = Desk::new();
    desk.put("own.csv", sample);
    let ended = desk.run(&["init", "--sample", "own.csv", "--output", "own.toml"]).exits(0);
    let job = String::from_utf8(std::fs::read(desk.path("own.toml")).unwrap()).unwrap();
    let loaded = desk.run(&["run", "own.toml", "--source", "own.csv"]);
    assert!(loaded.out.starts_with("RECONCILED"), "{name}: {ended}\n{job}\n{loaded}");
}

#[test]
fn a_job_that_init_writes_loads_its_own_sample_whatever_its_columns_are_called() {
    for header in [
        "id,amount,amount",
        "id,Größe,amt",
        "Order No.,Order Date (UTC),Amount €",
        "select,from,where",
        "run_id,record_no,last_run_id",
        "ID,Id,id",
        "a b,a-b,a_b",
        "1st,2nd,3rd",
        "\"a,b\",\"say \"\"hi\"\"\",c",
        " padded ,x,y",
        "Ωμέγα,名前,имя",
        "a_name_that_is_much_longer_than_the_sixty_three_bytes_that_a_database_gives_it,b,c",
        "%,#,@",
    ] {
        for values in ["1,2.50,3.75\n2,-1.00,0.00\n", "x,y,z\nu,v,w\n"] {
            loads(header, format!("{header}\n{values}").as_bytes());
        }
    }
    loads("windows-1252", b"id,name,amt\n1,Caf\xe9 5 \x80,1.00\n2,\x93x\x94,2.00\n");
    loads("latin-1", b"id,name,amt\n1,Caf\xe9,1.00\n");
    loads("semicolons and a byte-order mark", "\u{feff}id;größe;x\n1;a;b\n2;c;d\n".as_bytes());
}
