//! Rules over all records of a run, and who is kept out of final.

use domain::finding::Difference;
use domain::fingerprint::Hash;
use domain::rule::RuleOutcome;
use domain::value::Value;
use store::StoreError;
use store::model::{Exclusion, FindingPage, KeyCounts, RulesApplied};
use store::rules::Keys;
use wire::{Breach, RuleCounts};

use super::Subject;
use super::fixture::{APPEND, KEYLESS, Loading, NULL, Record, UPSERT, job, row};

const fn outcome(examined: u64, breached: u64) -> RuleOutcome {
    RuleOutcome { examined, breached }
}

async fn apply(loading: &Loading) -> (Vec<RuleOutcome>, KeyCounts) {
    loading.store.clear_findings(loading.fence).await.unwrap();
    let RulesApplied { outcomes, keys: mut counts } =
        loading.store.apply_rules(loading.fence, &loading.job, Keys::Count).await.unwrap();
    let by_type = std::mem::take(&mut counts.by_type);
    let sums = by_type.iter().fold((0, 0), |sum, of| (sum.0 + of.duplicates, sum.1 + of.already_in_final));
    assert_eq!((by_type.len(), sums), (1, (counts.duplicates, counts.already_in_final)));
    (outcomes, counts)
}

/// Numbers of the records that are kept out of final.
async fn excluded(loading: &Loading, why: Exclusion) -> Vec<u64> {
    let found = loading.staging().await;
    found.iter().filter(|one| one.excluded == Some(why)).map(|one| one.record_no).collect()
}

/// What breaks a rule: its name or the key, and the record.
async fn breaches(loading: &Loading) -> Vec<(String, u64)> {
    let FindingPage { findings: found, total } =
        loading.store.breaches(loading.run_id, &loading.job, 0, 100).await.unwrap();
    assert_eq!(found.len() as u64, total);
    found.into_iter().map(|one| (one.field.unwrap_or_default(), one.record_no.0)).collect()
}

fn named(name: &str, numbers: &[u64]) -> Vec<(String, u64)> {
    numbers.iter().map(|number| (name.to_owned(), *number)).collect()
}

pub(crate) async fn a_unique_rule_names_every_record_that_shares_its_value(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let rule = "[[rule]]\nname = \"once\"\nunique = [\"account\", \"amt\"]\non_breach = \"warn\"";
    let loading = Loading::begin(&subject.store, &job(KEYLESS, rule), 1).await;
    let chunks = [
        vec![row(1, "a", "1.00"), row(2, "a", "2.00"), Record::Reject(b"a,1.00"), row(4, NULL, "1.00")],
        vec![row(5, "a", "1.00"), row(6, NULL, "1.00"), row(7, "A", "1.00"), row(8, "a", "1.00")],
    ];
    loading.load(&chunks).await;
    // Another run's records are not this one's.
    Loading::begin(&subject.store, &loading.job, 2).await.load(&[vec![row(2, "a", "2.00")]]).await;
    let (outcomes, counts) = apply(&loading).await;
    assert_eq!((outcomes, counts), (vec![outcome(5, 3)], KeyCounts::default()));
    assert_eq!(breaches(&loading).await, named("once", &[1, 5, 8]));
    assert_eq!(excluded(&loading, Exclusion::Held).await, [0; 0]);
}

pub(crate) async fn a_references_rule_names_records_that_are_not_found(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let rule = "[[rule]]\nname = \"known\"\nreferences = { fields = [\"account\"], table = \"accounts\", columns = [\"name\"] }";
    let loading = Loading::begin(&subject.store, &job(APPEND, rule), 1).await;
    loading
        .load(&[vec![row(1, "a", "1.00"), row(2, "zz", "1.00"), row(3, NULL, "1.00"), row(4, "A", "1.00")]])
        .await;
    let no_table = loading.store.apply_rules(loading.fence, &loading.job, Keys::Count).await.unwrap_err();
    assert!(matches!(&no_table, StoreError::NoSuchTable { what } if what.contains("accounts")), "{no_table}");
    subject.execute("CREATE TABLE accounts (number INTEGER)").await;
    let no_column = loading.store.apply_rules(loading.fence, &loading.job, Keys::Count).await.unwrap_err();
    assert!(matches!(&no_column, StoreError::NoSuchTable { what } if what.contains("name")), "{no_column}");
    subject.execute("DROP TABLE accounts").await;
    subject.execute("CREATE TABLE accounts (name TEXT)").await;
    assert_eq!(apply(&loading).await.0, [outcome(3, 3)]);
    subject.execute("INSERT INTO accounts VALUES ('a'), ('b'), (NULL)").await;
    assert_eq!(apply(&loading).await.0, [outcome(3, 2)]);
    assert_eq!(breaches(&loading).await, named("known", &[2, 4]));
}

/// Groups that floats would get wrong: 0.1 + 0.2, and one cent beside 35 digits.
fn groups() -> Vec<Record<'static>> {
    let large = "100000000000000000000000000000000000.30";
    vec![
        row(1, "a", "0.10"),
        row(2, "b", large),
        row(3, NULL, "0.30"),
        row(4, "c", "0.10"),
        row(5, "a", "0.20"),
        row(6, "b", "-100000000000000000000000000000000000.00"),
        row(7, NULL, NULL),
        row(8, "d", large),
        row(9, "d", "-100000000000000000000000000000000000.01"),
        row(10, "A", "0.30"),
        row(11, "", "0.30"),
        row(12, "c", "0.19"),
    ]
}

pub(crate) async fn a_balance_is_exact_where_floats_are_not(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let rule = "[[rule]]\nname = \"balanced\"\nbalance = { sum = \"amt\", by = [\"account\"], to = \"0.3\" }";
    let loading = Loading::begin(&subject.store, &job(APPEND, rule), 1).await;
    loading.load(&[groups()]).await;
    // a, b, c, d, A, the empty one and NULL; c and d are a cent short.
    assert_eq!(apply(&loading).await.0, [outcome(7, 2)]);
    let FindingPage { findings, total } = loading.store.findings(loading.run_id, 0, 10).await.unwrap();
    assert_eq!((findings.len(), total), (2, 2));
    for (finding, record_no, group) in [(&findings[0], 4, "c"), (&findings[1], 8, "d")] {
        assert_eq!((finding.difference, finding.record_no.0), (Difference::Rule, record_no));
        assert_eq!(finding.field.as_deref(), Some("balanced"));
        assert_eq!(finding.expected.as_deref(), Some("0.3"));
        let actual = finding.actual.as_deref().unwrap_or_default();
        assert!(actual.starts_with("0.29") && actual.contains(group), "{actual}");
    }
    assert_eq!(breaches(&loading).await, [], "a group is one finding, not one for each record");
}

pub(crate) async fn sensitive_groups_are_named_by_the_masks_of_their_values(
    make: &impl AsyncFn() -> Subject,
) {
    let subject = make().await;
    let names = ["flag", "n", "t", "whole", "small", "amt", "day", "at", "seen", "b"];
    let by = names.map(|name| format!("{name:?}")).join(", ");
    let rule = format!("[[rule]]\nname = \"r\"\nbalance = {{ sum = \"amt\", by = [{by}], to = \"0.07\" }}");
    let job = super::reading::kinds_with("sensitive = true", &rule);
    job.masks.give_key(&subject.store.masking_key().await.unwrap());
    let loading = Loading::begin(&subject.store, &job, 1).await;
    loading.load(&[super::reading::edges()]).await;
    assert_eq!(apply(&loading).await.0, [outcome(6, 6)]);
    let findings = loading.store.findings(loading.run_id, 0, 10).await.unwrap().findings;
    let records = super::reading::edges();
    for finding in &findings {
        let record = &records[usize::try_from(finding.record_no.0).unwrap() - 1];
        let Record::Row(values) = record else { panic!("a reject") };
        let masks = names.iter().zip(values).map(|(name, value)| job.masks.value(name, value));
        let key = names.iter().zip(masks).map(|(name, mask)| format!("{name} {mask}"));
        let key = key.collect::<Vec<_>>().join(", ");
        // A group of one record: its total is the record's value. Nothing adds up to zero.
        let total = match &values[5] {
            Value::Null => job.masks.value("amt", &Value::Decimal("0.00".parse().unwrap())),
            amount => job.masks.value("amt", amount),
        };
        assert_eq!(finding.actual.as_deref(), Some(format!("{total} for {key}").as_str()));
    }
    assert_eq!(findings.len(), 6);
}

pub(crate) async fn a_balance_over_everything_is_one_group(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let rule = "[[rule]]\nname = \"zero\"\nbalance = { sum = \"amt\", to = \"0.00\" }";
    let job = job(KEYLESS, rule);
    let tenths: Vec<_> = (0..10).map(|id| row(id, "a", "0.10")).collect();
    let records = [vec![row(11, "b", "-1.00")], tenths].concat();
    let loading = Loading::begin(&subject.store, &job, 1).await;
    loading.load(&[records]).await;
    assert_eq!(apply(&loading).await.0, [outcome(1, 0)]);
    let empty = Loading::begin(&subject.store, &job, 2).await;
    empty.load(&[]).await;
    assert_eq!(apply(&empty).await.0, [outcome(0, 0)], "a rule without records examined nothing");
}

pub(crate) async fn a_group_that_is_held_is_held_whole(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let rule = "[[rule]]\nname = \"balanced\"\nbalance = { sum = \"amt\", by = [\"account\"], to = \"0.3\" }\non_breach = \"hold\"";
    let loading = Loading::begin(&subject.store, &job(APPEND, rule), 1).await;
    let chunks = [groups(), vec![row(13, NULL, "0.01")]];
    loading.load(&chunks).await;
    let (outcomes, counts) = apply(&loading).await;
    assert_eq!((outcomes, counts.held), (vec![outcome(7, 3)], 7));
    assert_eq!(excluded(&loading, Exclusion::Held).await, [3, 4, 7, 8, 9, 12, 13]);
}

pub(crate) async fn what_is_held_is_no_part_of_a_balance(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    // The rule that holds stands behind the balance: the order in the job does not matter.
    let rules = "[[rule]]\nname = \"zero\"\nbalance = { sum = \"amt\", to = \"0.00\" }\n\
                 [[rule]]\nname = \"once\"\nunique = [\"account\"]\non_breach = \"hold\"";
    let loading = Loading::begin(&subject.store, &job(APPEND, rules), 1).await;
    let records = vec![row(1, "x", "5.00"), row(2, "a", "1.00"), row(3, "b", "-1.00"), row(4, "x", "7.00")];
    loading.load(&[records]).await;
    let (outcomes, counts) = apply(&loading).await;
    assert_eq!((outcomes, counts.held), (vec![outcome(1, 0), outcome(4, 2)], 2));
}

pub(crate) async fn row_rules_count_as_the_processors_counted(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let rules = "[[rule]]\nname = \"once\"\nunique = [\"account\"]\non_breach = \"warn\"\n\
                 [[rule]]\nname = \"positive\"\nholds = \"amt > 0\"\non_breach = \"hold\"";
    let loading = Loading::begin(&subject.store, &job(APPEND, rules), 1).await;
    let chunks = [vec![row(1, "a", "-1.00"), row(2, "b", "1.00")], vec![row(3, "c", "-2.00")]];
    let cuts = super::fixture::cuts(&chunks);
    loading.store.add_chunks(loading.fence, &cuts).await.unwrap();
    let counted = [((2, 1), 1), ((1, 1), 3)];
    for ((cut, records), ((examined, breached), record_no)) in cuts.iter().zip(&chunks).zip(counted) {
        let mut batch = loading.batch(cut, records);
        (batch.rules, batch.breaches) =
            (vec![RuleCounts { examined, breached }], vec![Breach { record_no, rule: 1 }]);
        loading.commit(batch).await.unwrap();
    }
    let (outcomes, counts) = apply(&loading).await;
    assert_eq!(outcomes, [outcome(3, 0), outcome(3, 2)]);
    assert_eq!((counts.held, counts.rules_differing), (2, 0));
    assert_eq!(excluded(&loading, Exclusion::Held).await, [1, 3]);
    // A breach that gets lost is noticed, and one that is moved to another record.
    let digest = async || loading.store.breach_digests(loading.run_id, &[1, 0]).await.unwrap();
    let mut kept = Vec::new();
    for number in [0_u64, 1, 1, 3] {
        kept.extend(number.to_be_bytes());
    }
    assert_eq!(digest().await, [Hash::of(&kept), Hash::of(&[])]);
    subject.execute("UPDATE crossfoot_breach SET record_no = 2 WHERE record_no = 1").await;
    assert_ne!(digest().await[0], Hash::of(&kept));
    subject.execute("UPDATE crossfoot_breach SET record_no = 1 WHERE record_no = 2").await;
    assert_eq!(digest().await[0], Hash::of(&kept));
    subject.execute("DELETE FROM crossfoot_breach WHERE record_no = 3").await;
    let (outcomes, counts) = apply(&loading).await;
    assert_eq!(outcomes, [outcome(3, 0), outcome(3, 2)]);
    assert_eq!((counts.held, counts.rules_differing), (1, 1));
}

pub(crate) async fn appending_names_keys_that_come_twice(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let loading = Loading::begin(&subject.store, &job(APPEND, ""), 1).await;
    let chunks = [
        vec![row(1, "a", "1.00"), row(2, "b", "1.00"), row(1, "c", "1.00")],
        vec![row(3, "d", "1.00"), row(1, "e", "1.00")],
    ];
    loading.load(&chunks).await;
    let (_, counts) = apply(&loading).await;
    assert_eq!(counts, KeyCounts { duplicates: 2, ..KeyCounts::default() });
    assert_eq!(breaches(&loading).await, named("id", &[3, 5]), "the first with a key is not a duplicate");
}

pub(crate) async fn a_held_record_is_nobodys_duplicate(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let rule = "[[rule]]\nname = \"once\"\nunique = [\"account\"]\non_breach = \"hold\"";
    let loading = Loading::begin(&subject.store, &job(APPEND, rule), 1).await;
    loading
        .load(&[vec![row(1, "x", "1.00"), row(2, "x", "1.00"), row(1, "a", "1.00"), row(2, "b", "1.00")]])
        .await;
    let (_, counts) = apply(&loading).await;
    assert_eq!(counts, KeyCounts { held: 2, ..KeyCounts::default() });
    assert_eq!(loading.permit().await.expected().records, 2);
}

pub(crate) async fn appending_names_keys_that_are_in_final_already(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let job = job(APPEND, "");
    let earlier = Loading::begin(&subject.store, &job, 1).await;
    assert_eq!(earlier.promote(&[vec![row(1, "a", "1.00"), row(2, "b", "1.00")]]).await, 2);
    let later = Loading::begin(&subject.store, &job, 2).await;
    later.load(&[vec![row(3, "c", "1.00"), row(2, "b", "1.00"), row(3, "d", "1.00")]]).await;
    let (_, counts) = apply(&later).await;
    assert_eq!(counts, KeyCounts { already_in_final: 1, duplicates: 1, ..KeyCounts::default() });
    let mut found = breaches(&later).await;
    found.sort();
    assert_eq!(found, named("id", &[2, 3]));
    let all = later.store.breaches(later.run_id, &job, 0, 10).await.unwrap().findings;
    assert!(all.iter().all(|one| one.difference == Difference::DuplicateKey));
    assert!(all.iter().all(|one| one.worker_id == Some(later.writer)));
}

pub(crate) async fn upserting_merges_into_the_last_record_with_a_key(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let job = job(UPSERT, "");
    let earlier = Loading::begin(&subject.store, &job, 1).await;
    earlier.promote(&[vec![row(1, "old", "1.00")]]).await;
    let later = Loading::begin(&subject.store, &job, 2).await;
    let chunks = [
        vec![row(1, "a", "1.00"), row(2, "b", "1.00"), row(1, "c", "1.00")],
        vec![row(1, "d", "1.00"), row(3, "e", "1.00")],
    ];
    later.load(&chunks).await;
    let (_, counts) = apply(&later).await;
    assert_eq!(counts, KeyCounts { merged: 2, ..KeyCounts::default() });
    assert_eq!(excluded(&later, Exclusion::Merged).await, [1, 3]);
    assert_eq!(breaches(&later).await, []);
}

pub(crate) async fn rules_applied_again_say_the_same(make: &impl AsyncFn() -> Subject) {
    let subject = make().await;
    let rules = "[[rule]]\nname = \"positive\"\nholds = \"amt > 0\"\non_breach = \"warn\"\n\
                 [[rule]]\nname = \"once\"\nunique = [\"account\"]\non_breach = \"hold\"\n\
                 [[rule]]\nname = \"zero\"\nbalance = { sum = \"amt\", by = [\"account\"], to = \"1.00\" }\non_breach = \"hold\"";
    let job = job(APPEND, rules);
    let loading = Loading::begin(&subject.store, &job, 1).await;
    let records = vec![
        row(1, "a", "1.00"),
        row(2, "a", "1.00"),
        row(3, "b", "-5.00"),
        row(4, "c", "1.00"),
        row(4, "d", "1.00"),
    ];
    let cuts = super::fixture::cuts(std::slice::from_ref(&records));
    loading.store.add_chunks(loading.fence, &cuts).await.unwrap();
    let mut batch = loading.batch(&cuts[0], &records);
    (batch.rules, batch.breaches) =
        (vec![RuleCounts { examined: 5, breached: 1 }], vec![Breach { record_no: 3, rule: 0 }]);
    loading.commit(batch).await.unwrap();
    let state = async || {
        let (outcomes, counts) = apply(&loading).await;
        let (breaches, staging) = (breaches(&loading).await, loading.staging().await);
        let findings = loading.store.findings(loading.run_id, 0, 10).await.unwrap();
        (outcomes, counts, breaches, staging, findings)
    };
    let first = state().await;
    assert_eq!(first.0, [outcome(5, 1), outcome(5, 2), outcome(3, 1)]);
    assert_eq!(first.1, KeyCounts { duplicates: 1, held: 3, ..KeyCounts::default() });
    assert_eq!(state().await, first);
    assert_eq!(state().await, first);
}
