//! How each defect of the catalogue is struck: the catalogue and the strikes are held to each other by the compiler.

mod bus;
mod content;
mod evidence;
mod fleet;
mod ledger;
mod pack;
mod promotion;
mod rows;
mod source;
mod tables;
mod values;

use domain::layout::Mode;

use crate::defect::DefectId;
use crate::scenario::{Scenario, Strike};
use bus::Intrusion;
use evidence::{LogEdit, Statement};
use fleet::{Forgery, InBatch, InTransit, Lie};
use ledger::{Breach, Entry};
use pack::PackDamage;
use promotion::{Approval, Cut, InFinal};
use rows::{BetweenRuns, Reject, Row};
use source::{ControlDamage, Declaration, FileDamage};
use tables::{IntoFinal, IntoStaging, Moment};
use values::Damage;

/// Strikes the defect with this number.
pub(crate) async fn strike(id: DefectId, scenario: &Scenario<'_>) -> Strike {
    match id {
        DefectId::Cnt01 => rows::altered(Row::Lost, scenario).await,
        DefectId::Cnt02 => rows::altered(Row::Doubled, scenario).await,
        DefectId::Cnt03 => rows::altered(Row::Replaced, scenario).await,
        DefectId::Cnt04 => rows::altered(Row::ChunkLost, scenario).await,
        DefectId::Cnt05 => rows::altered(Row::ChunkTwice, scenario).await,
        DefectId::Cnt06 => rows::altered(Row::Moved, scenario).await,
        DefectId::Cnt07 => rows::between_runs(BetweenRuns::MixedIn, scenario).await,
        DefectId::Cnt08 => rows::between_runs(BetweenRuns::BookedElsewhere, scenario).await,
        DefectId::Cnt09 => rows::altered(Row::TwoDoubled, scenario).await,
        DefectId::Cnt10 => rows::altered(Row::Exchanged, scenario).await,
        DefectId::Cnt11 => fleet::row_altered(InBatch::Lost, scenario).await,
        DefectId::Cnt12 => fleet::forged(Forgery::RecordLost, scenario).await,
        DefectId::Cnt13 => rows::rejects(Reject::Lost, scenario).await,
        DefectId::Cnt14 => rows::rejects(Reject::Staged, scenario).await,
        DefectId::Amt01 => content::altered(Damage::UnitAdded, scenario).await,
        DefectId::Amt02 => content::altered(Damage::SignFlipped, scenario).await,
        DefectId::Amt03 => content::altered(Damage::DigitsTransposed, scenario).await,
        DefectId::Amt04 => content::altered(Damage::ErrorsCancel, scenario).await,
        DefectId::Amt05 => content::altered(Damage::PointShifted, scenario).await,
        DefectId::Amt06 => content::altered(Damage::CentInTenBillion, scenario).await,
        DefectId::Amt07 => content::altered(Damage::RoundedAt29Digits, scenario).await,
        DefectId::Amt08 => content::altered(Damage::NegativeZero, scenario).await,
        DefectId::Amt09 => content::altered(Damage::AmountNull, scenario).await,
        DefectId::Amt10 => content::altered(Damage::OtherScale, scenario).await,
        DefectId::Amt11 => content::altered(Damage::AmountsExchanged, scenario).await,
        DefectId::Amt12 => content::altered(Damage::ThroughFloat, scenario).await,
        DefectId::Con01 => content::altered(Damage::NullEmpty, scenario).await,
        DefectId::Con02 => content::altered(Damage::EmptyNull, scenario).await,
        DefectId::Con03 => content::altered(Damage::NullText, scenario).await,
        DefectId::Con04 => content::altered(Damage::BlankAdded, scenario).await,
        DefectId::Con05 => content::altered(Damage::CharacterMoved, scenario).await,
        DefectId::Con06 => content::altered(Damage::SeparatorMoved, scenario).await,
        DefectId::Con07 => content::altered(Damage::Decomposed, scenario).await,
        DefectId::Con08 => content::altered(Damage::WrongEncoding, scenario).await,
        DefectId::Con09 => content::altered(Damage::CaseChanged, scenario).await,
        DefectId::Con10 => content::altered(Damage::CutOff, scenario).await,
        DefectId::Con11 => content::altered(Damage::NoBreakSpace, scenario).await,
        DefectId::Con12 => content::altered(Damage::DayShifted, scenario).await,
        DefectId::Con13 => content::altered(Damage::HourShifted, scenario).await,
        DefectId::Con14 => content::altered(Damage::FractionDropped, scenario).await,
        DefectId::Con15 => content::altered(Damage::BooleanInverted, scenario).await,
        DefectId::Con16 => content::altered(Damage::IntegerOff, scenario).await,
        DefectId::Con17 => content::altered(Damage::BitFlipped, scenario).await,
        DefectId::Con18 => content::altered(Damage::TextsExchanged, scenario).await,
        DefectId::Con19 => content::altered(Damage::ZerosDropped, scenario).await,
        DefectId::Con20 => content::reject_altered(scenario).await,
        DefectId::Con21 => content::altered(Damage::ValueNull, scenario).await,
        DefectId::Str01 => tables::other_order(scenario).await,
        DefectId::Str02 => tables::narrower(Moment::BeforeRun, scenario).await,
        DefectId::Str03 => tables::narrower(Moment::BeforePromotion, scenario).await,
        DefectId::Str04 => tables::into_staging(IntoStaging::Dropped, scenario).await,
        DefectId::Str05 => tables::into_staging(IntoStaging::Altered, scenario).await,
        DefectId::Str06 => tables::into_final(IntoFinal::Dropped, scenario).await,
        DefectId::Str07 => tables::into_final(IntoFinal::Altered, scenario).await,
        DefectId::Str08 => tables::dropping(scenario).await,
        DefectId::Str09 => tables::into_final(IntoFinal::Refused, scenario).await,
        DefectId::Str10 => tables::into_final(IntoFinal::WrittenElsewhere, scenario).await,
        DefectId::Hnd01 => fleet::counts(Lie::WriterMore, scenario).await,
        DefectId::Hnd02 => fleet::counts(Lie::WriterLess, scenario).await,
        DefectId::Hnd03 => fleet::counts(Lie::ProcessorMore, scenario).await,
        DefectId::Hnd04 => rows::altered(Row::OtherWorker, scenario).await,
        DefectId::Hnd05 => rows::exchanged_workers(scenario).await,
        DefectId::Hnd06 => fleet::counts(Lie::Lost, scenario).await,
        DefectId::Hnd07 => fleet::doubled(scenario).await,
        DefectId::Hnd08 => fleet::counts(Lie::OtherWorker, scenario).await,
        DefectId::Hnd09 => fleet::row_altered(InBatch::Altered, scenario).await,
        DefectId::Hnd10 => fleet::forged(Forgery::Declared, scenario).await,
        DefectId::Hnd11 => fleet::forged(Forgery::Approved, scenario).await,
        DefectId::Hnd12 => fleet::chunk_altered(InTransit::Flipped, scenario).await,
        DefectId::Hnd13 => fleet::chunk_altered(InTransit::Shortened, scenario).await,
        DefectId::Hnd14 => fleet::forged(Forgery::DecodedTwice, scenario).await,
        DefectId::Bus01 => bus::strike(Intrusion::ChunkAltered, scenario).await,
        DefectId::Bus02 => bus::strike(Intrusion::BatchAltered, scenario).await,
        DefectId::Bus03 => bus::strike(Intrusion::ChunkForged, scenario).await,
        DefectId::Bus04 => bus::strike(Intrusion::BatchForged, scenario).await,
        DefectId::Bus05 => bus::strike(Intrusion::WriterCounts, scenario).await,
        DefectId::Bus06 => bus::strike(Intrusion::ProcessorCounts, scenario).await,
        DefectId::Bus07 => bus::strike(Intrusion::Failure, scenario).await,
        DefectId::Bus08 => bus::strike(Intrusion::Failures, scenario).await,
        DefectId::Bus09 => bus::strike(Intrusion::ShorterRange, scenario).await,
        DefectId::Bus10 => bus::strike(Intrusion::UnknownRun, scenario).await,
        DefectId::Bus11 => bus::strike(Intrusion::UnreachableChunk, scenario).await,
        DefectId::Bus12 => bus::strike(Intrusion::Replay, scenario).await,
        DefectId::Bus13 => bus::strike(Intrusion::OtherStore, scenario).await,
        DefectId::Bus14 => bus::strike(Intrusion::RetiredKey, scenario).await,
        DefectId::Bus15 => bus::strike(Intrusion::NoSeal, scenario).await,
        DefectId::Bus16 => bus::strike(Intrusion::CountsTaken, scenario).await,
        DefectId::Bus17 => bus::strike(Intrusion::ChunkTaken, scenario).await,
        DefectId::Bus18 => bus::strike(Intrusion::BatchTaken, scenario).await,
        DefectId::Bus19 => bus::strike(Intrusion::Garbage, scenario).await,
        DefectId::Bus20 => bus::strike(Intrusion::OtherQueue, scenario).await,
        DefectId::Led01 => ledger::entry(Entry::Deleted, scenario).await,
        DefectId::Led02 => ledger::entry(Entry::Shifted, scenario).await,
        DefectId::Led03 => ledger::sums_that_fit(scenario).await,
        DefectId::Led04 => ledger::entry(Entry::OtherWriter, scenario).await,
        DefectId::Led05 => ledger::entry(Entry::MoreAccepted, scenario).await,
        DefectId::Led06 => ledger::entry(Entry::JobAltered, scenario).await,
        DefectId::Led07 => ledger::breaches(Breach::Deleted, scenario).await,
        DefectId::Led08 => ledger::breaches(Breach::Moved, scenario).await,
        DefectId::Src01 => source::changed_under_the_run(scenario).await,
        DefectId::Src02 => source::edited_file(FileDamage::Emptied, scenario).await,
        DefectId::Src03 => source::edited_file(FileDamage::Garbled, scenario).await,
        DefectId::Dcl01 => source::declared(Declaration::RecordMore, scenario).await,
        DefectId::Dcl02 => source::declared(Declaration::SumOff, scenario).await,
        DefectId::Dcl03 => source::declared(Declaration::OtherFile, scenario).await,
        DefectId::Dcl04 => source::again(scenario).await,
        DefectId::Dcl05 => source::edited_file(FileDamage::EndMissing, scenario).await,
        DefectId::Dcl06 => source::edited_file(FileDamage::RecordsExchanged, scenario).await,
        DefectId::Dcl07 => source::edited_file(FileDamage::CutInRecord, scenario).await,
        DefectId::Dcl08 => source::controls(ControlDamage::Count, scenario).await,
        DefectId::Dcl09 => source::controls(ControlDamage::Total, scenario).await,
        DefectId::Dcl10 => source::controls(ControlDamage::HashTotal, scenario).await,
        DefectId::Dcl11 => source::controls(ControlDamage::OtherDay, scenario).await,
        DefectId::Dcl12 => source::gap(scenario).await,
        DefectId::Dcl13 => source::controls(ControlDamage::NoTrailer, scenario).await,
        DefectId::Dcl14 => source::columns_exchanged(scenario).await,
        DefectId::Prm01 => promotion::in_window(InFinal::RowLost, scenario).await,
        DefectId::Prm02 => promotion::in_window(InFinal::ValueChanged, scenario).await,
        DefectId::Prm03 => promotion::in_window(InFinal::ValuesExchanged, scenario).await,
        DefectId::Prm04 => promotion::failed_row_in_final(scenario).await,
        DefectId::Prm05 => promotion::approved_all_the_same(Approval::OfFailed, scenario).await,
        DefectId::Prm06 => promotion::approved_all_the_same(Approval::OfForged, scenario).await,
        DefectId::Prm07 => promotion::cut_off(Cut::BeforeCommit, scenario).await,
        DefectId::Prm08 => promotion::cut_off(Cut::AfterCommit, scenario).await,
        DefectId::Prm09 => promotion::earlier_row(Mode::Upsert, scenario).await,
        DefectId::Prm10 => promotion::earlier_row(Mode::Append, scenario).await,
        DefectId::Prm11 => promotion::after_proof(scenario).await,
        DefectId::Log01 => evidence::edited(LogEdit::Removed, scenario).await,
        DefectId::Log02 => evidence::edited(LogEdit::Exchanged, scenario).await,
        DefectId::Log03 => evidence::edited(LogEdit::Rewritten, scenario).await,
        DefectId::Log04 => evidence::edited(LogEdit::Rehashed, scenario).await,
        DefectId::Log05 => evidence::edited(LogEdit::CutOff, scenario).await,
        DefectId::Log06 => evidence::edited(LogEdit::Rechained, scenario).await,
        DefectId::Log07 => evidence::by_sql(Statement::Update, scenario).await,
        DefectId::Log08 => evidence::by_sql(Statement::Delete, scenario).await,
        DefectId::Log09 => pack::strike(PackDamage::Report, scenario).await,
        DefectId::Log10 => pack::strike(PackDamage::Chunks, scenario).await,
        DefectId::Log11 => pack::strike(PackDamage::Log, scenario).await,
        DefectId::Log12 => pack::strike(PackDamage::CutOff, scenario).await,
        DefectId::Log13 => pack::strike(PackDamage::OtherKey, scenario).await,
    }
}
