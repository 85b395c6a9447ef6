//! Decoders that misread: coordinator and processors alike, so that no comparison between them tells.

use coordinator::report::summary;
use domain::constraint::ReasonCode;

use crate::misreading::Misreading;
use crate::scenario::{Scenario, Stop, Strike, Target};

/// Loads the source by decoders with the defect.
pub(super) async fn misread(misreading: Misreading, scenario: &Scenario<'_>) -> Strike {
    // What a decoder can misread is in the record's own bytes: the numbers of parents and elements are not.
    let records = &scenario.fixture.job.records;
    let affected = scenario.samples().find(|(sample, _)| {
        let misread = |own| !misreading.of_record(own, &sample.values, &sample.values).is_empty();
        misreading.is_of_bytes() || records.get(sample.place).is_some_and(|record| misread(&*record.own))
    });
    let needs_copybook = matches!(
        misreading,
        Misreading::ByteOrder
            | Misreading::OtherPage
            | Misreading::TableCut
            | Misreading::ScaleOff
            | Misreading::FillerLost
    );
    let is_here = match misreading {
        Misreading::OtherPage => scenario
            .fixture
            .survey
            .samples
            .iter()
            .any(|sample| Misreading::is_other_text(&scenario.fixture.job, sample.place, &sample.values)),
        _ if needs_copybook => misreading.touches(&scenario.fixture.job),
        Misreading::RecordBefore => scenario.pair(|one, other| one.values != other.values).is_some(),
        _ => affected.is_some(),
    };
    if !is_here {
        return Err(Stop::NotHere("no field of the source holds what this defect would misread"));
    }
    let field = scenario.field().await?;
    let (run_id, ended) = field.run_decoded_by(&scenario.request(), misreading.decoders()).await;
    if let (false, Some(run_id)) = (misreading.is_of_bytes(), run_id) {
        let report = summary::report(&*field.store, run_id).await.map_err(|error| error.to_string())?;
        // A reject for another reason would be luck.
        if !report.rejects.iter().any(|group| group.code == ReasonCode::RoundTrip) {
            return Err(Stop::Failed("no record was rejected because it encodes to other bytes".into()));
        }
    }
    let target = Target::told("every process misreads in the same way").part("chunk 0");
    field.over(run_id, ended, target, 0).await
}
