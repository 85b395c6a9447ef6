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

use crate::defect::DefectId;
use crate::scene::{Scene, Strike};

/// Strikes the defect with this number.
pub(crate) async fn strike(id: DefectId, scene: &Scene<'_>) -> Strike {
    match id {
        DefectId::Cnt01 => rows::altered(Row::Lost, scene).await,
        DefectId::Cnt02 => rows::altered(Row::Doubled, scene).await,
        DefectId::Cnt03 => rows::altered(Row::Replaced, scene).await,
        DefectId::Cnt04 => rows::altered(Row::ChunkLost, scene).await,
        DefectId::Cnt05 => rows::altered(Row::ChunkTwice, scene).await,
        DefectId::Cnt06 => rows::altered(Row::Moved, scene).await,
        DefectId::Cnt07 => rows::between_runs(BetweenRuns::MixedIn, scene).await,
        DefectId::Cnt08 => rows::between_runs(BetweenRuns::BookedElsewhere, scene).await,
        DefectId::Cnt09 => rows::altered(Row::TwoDoubled, scene).await,
        DefectId::Cnt10 => rows::altered(Row::Exchanged, scene).await,
        DefectId::Cnt11 => fleet::row_altered(InBatch::Lost, scene).await,
        DefectId::Cnt12 => fleet::forged(Forgery::RecordLost, scene).await,
        DefectId::Cnt13 => rows::rejects(Reject::Lost, scene).await,
        DefectId::Cnt14 => rows::rejects(Reject::Staged, scene).await,
        DefectId::Amt01 => content::altered(Damage::UnitAdded, scene).await,
        DefectId::Amt02 => content::altered(Damage::SignFlipped, scene).await,
        DefectId::Amt03 => content::altered(Damage::DigitsTransposed, scene).await,
        DefectId::Amt04 => content::altered(Damage::ErrorsCancel, scene).await,
        DefectId::Amt05 => content::altered(Damage::PointShifted, scene).await,
        DefectId::Amt06 => content::altered(Damage::CentInTenBillion, scene).await,
        DefectId::Amt07 => content::altered(Damage::RoundedAt29Digits, scene).await,
        DefectId::Amt08 => content::altered(Damage::NegativeZero, scene).await,
        DefectId::Amt09 => content::altered(Damage::AmountNull, scene).await,
        DefectId::Amt10 => content::altered(Damage::OtherScale, scene).await,
        DefectId::Amt11 => content::altered(Damage::AmountsExchanged, scene).await,
        DefectId::Amt12 => content::altered(Damage::ThroughFloat, scene).await,
        DefectId::Con01 => content::altered(Damage::NullEmpty, scene).await,
        DefectId::Con02 => content::altered(Damage::EmptyNull, scene).await,
        DefectId::Con03 => content::altered(Damage::NullText, scene).await,
        DefectId::Con04 => content::altered(Damage::BlankAdded, scene).await,
        DefectId::Con05 => content::altered(Damage::CharacterMoved, scene).await,
        DefectId::Con06 => content::altered(Damage::SeparatorMoved, scene).await,
        DefectId::Con07 => content::altered(Damage::Decomposed, scene).await,
        DefectId::Con08 => content::altered(Damage::WrongEncoding, scene).await,
        DefectId::Con09 => content::altered(Damage::CaseChanged, scene).await,
        DefectId::Con10 => content::altered(Damage::CutOff, scene).await,
        DefectId::Con11 => content::altered(Damage::NoBreakSpace, scene).await,
        DefectId::Con12 => content::altered(Damage::DayShifted, scene).await,
        DefectId::Con13 => content::altered(Damage::HourShifted, scene).await,
        DefectId::Con14 => content::altered(Damage::FractionDropped, scene).await,
        DefectId::Con15 => content::altered(Damage::BooleanInverted, scene).await,
        DefectId::Con16 => content::altered(Damage::IntegerOff, scene).await,
        DefectId::Con17 => content::altered(Damage::BitFlipped, scene).await,
        DefectId::Con18 => content::altered(Damage::TextsExchanged, scene).await,
        DefectId::Con19 => content::altered(Damage::ZerosDropped, scene).await,
        DefectId::Con20 => content::reject_altered(scene).await,
        DefectId::Con21 => content::altered(Damage::ValueNull, scene).await,
        DefectId::Str01 => tables::other_order(scene).await,
        DefectId::Str02 => tables::narrower(Moment::BeforeRun, scene).await,
        DefectId::Str03 => tables::narrower(Moment::BeforePromotion, scene).await,
        DefectId::Str04 => tables::into_staging(IntoStaging::Dropped, scene).await,
        DefectId::Str05 => tables::into_staging(IntoStaging::Altered, scene).await,
        DefectId::Str06 => tables::into_final(IntoFinal::Dropped, scene).await,
        DefectId::Str07 => tables::into_final(IntoFinal::Altered, scene).await,
        DefectId::Str08 => tables::dropping(scene).await,
        DefectId::Str09 => tables::into_final(IntoFinal::Refused, scene).await,
        DefectId::Str10 => tables::into_final(IntoFinal::WrittenElsewhere, scene).await,
        DefectId::Hnd01 => fleet::counts(Lie::WriterMore, scene).await,
        DefectId::Hnd02 => fleet::counts(Lie::WriterLess, scene).await,
        DefectId::Hnd03 => fleet::counts(Lie::ProcessorMore, scene).await,
        DefectId::Hnd04 => rows::altered(Row::OtherWorker, scene).await,
        DefectId::Hnd05 => rows::exchanged_workers(scene).await,
        DefectId::Hnd06 => fleet::counts(Lie::Lost, scene).await,
        DefectId::Hnd07 => fleet::doubled(scene).await,
        DefectId::Hnd08 => fleet::counts(Lie::OtherWorker, scene).await,
        DefectId::Hnd09 => fleet::row_altered(InBatch::Altered, scene).await,
        DefectId::Hnd10 => fleet::forged(Forgery::Declared, scene).await,
        DefectId::Hnd11 => fleet::forged(Forgery::Approved, scene).await,
        DefectId::Hnd12 => fleet::chunk_altered(InTransit::Flipped, scene).await,
        DefectId::Hnd13 => fleet::chunk_altered(InTransit::Shortened, scene).await,
        DefectId::Hnd14 => fleet::forged(Forgery::DecodedTwice, scene).await,
        DefectId::Bus01 => bus::strike(Intrusion::ChunkAltered, scene).await,
        DefectId::Bus02 => bus::strike(Intrusion::BatchAltered, scene).await,
        DefectId::Bus03 => bus::strike(Intrusion::ChunkForged, scene).await,
        DefectId::Bus04 => bus::strike(Intrusion::BatchForged, scene).await,
        DefectId::Bus05 => bus::strike(Intrusion::WriterCounts, scene).await,
        DefectId::Bus06 => bus::strike(Intrusion::ProcessorCounts, scene).await,
        DefectId::Bus07 => bus::strike(Intrusion::Failure, scene).await,
        DefectId::Bus08 => bus::strike(Intrusion::Failures, scene).await,
        DefectId::Bus09 => bus::strike(Intrusion::ShorterRange, scene).await,
        DefectId::Bus10 => bus::strike(Intrusion::UnknownRun, scene).await,
        DefectId::Bus11 => bus::strike(Intrusion::UnreachableChunk, scene).await,
        DefectId::Bus12 => bus::strike(Intrusion::Replay, scene).await,
        DefectId::Bus13 => bus::strike(Intrusion::OtherStore, scene).await,
        DefectId::Bus14 => bus::strike(Intrusion::RetiredKey, scene).await,
        DefectId::Bus15 => bus::strike(Intrusion::NoSeal, scene).await,
        DefectId::Bus16 => bus::strike(Intrusion::CountsTaken, scene).await,
        DefectId::Bus17 => bus::strike(Intrusion::ChunkTaken, scene).await,
        DefectId::Bus18 => bus::strike(Intrusion::BatchTaken, scene).await,
        DefectId::Bus19 => bus::strike(Intrusion::Garbage, scene).await,
        DefectId::Bus20 => bus::strike(Intrusion::OtherQueue, scene).await,
        DefectId::Led01 => ledger::entry(Entry::Deleted, scene).await,
        DefectId::Led02 => ledger::entry(Entry::Shifted, scene).await,
        DefectId::Led03 => ledger::sums_that_fit(scene).await,
        DefectId::Led04 => ledger::entry(Entry::OtherWriter, scene).await,
        DefectId::Led05 => ledger::entry(Entry::MoreAccepted, scene).await,
        DefectId::Led06 => ledger::entry(Entry::JobAltered, scene).await,
        DefectId::Led07 => ledger::breaches(Breach::Deleted, scene).await,
        DefectId::Led08 => ledger::breaches(Breach::Moved, scene).await,
        DefectId::Src01 => source::changed_under_the_run(scene).await,
        DefectId::Src02 => source::edited_file(FileDamage::Emptied, scene).await,
        DefectId::Src03 => source::edited_file(FileDamage::Garbled, scene).await,
        DefectId::Dcl01 => source::declared(Declaration::RecordMore, scene).await,
        DefectId::Dcl02 => source::declared(Declaration::SumOff, scene).await,
        DefectId::Dcl03 => source::declared(Declaration::OtherFile, scene).await,
        DefectId::Dcl04 => source::again(scene).await,
        DefectId::Dcl05 => source::edited_file(FileDamage::EndMissing, scene).await,
        DefectId::Dcl06 => source::edited_file(FileDamage::RecordsExchanged, scene).await,
        DefectId::Dcl07 => source::edited_file(FileDamage::CutInRecord, scene).await,
        DefectId::Dcl08 => source::controls(ControlDamage::Count, scene).await,
        DefectId::Dcl09 => source::controls(ControlDamage::Total, scene).await,
        DefectId::Dcl10 => source::controls(ControlDamage::HashTotal, scene).await,
        DefectId::Dcl11 => source::controls(ControlDamage::OtherDay, scene).await,
        DefectId::Dcl12 => source::gap(scene).await,
        DefectId::Dcl13 => source::controls(ControlDamage::NoTrailer, scene).await,
        DefectId::Dcl14 => source::columns_exchanged(scene).await,
        DefectId::Prm01 => promotion::in_window(InFinal::RowLost, scene).await,
        DefectId::Prm02 => promotion::in_window(InFinal::ValueChanged, scene).await,
        DefectId::Prm03 => promotion::in_window(InFinal::ValuesExchanged, scene).await,
        DefectId::Prm04 => promotion::failed_row_in_final(scene).await,
        DefectId::Prm05 => promotion::approved_all_the_same(Approval::OfFailed, scene).await,
        DefectId::Prm06 => promotion::approved_all_the_same(Approval::OfForged, scene).await,
        DefectId::Prm07 => promotion::cut_off(Cut::BeforeCommit, scene).await,
        DefectId::Prm08 => promotion::cut_off(Cut::AfterCommit, scene).await,
        DefectId::Prm09 => promotion::earlier_row(Mode::Upsert, scene).await,
        DefectId::Prm10 => promotion::earlier_row(Mode::Append, scene).await,
        DefectId::Prm11 => promotion::after_proof(scene).await,
        DefectId::Log01 => evidence::edited(LogEdit::Removed, scene).await,
        DefectId::Log02 => evidence::edited(LogEdit::Exchanged, scene).await,
        DefectId::Log03 => evidence::edited(LogEdit::Rewritten, scene).await,
        DefectId::Log04 => evidence::edited(LogEdit::Rehashed, scene).await,
        DefectId::Log05 => evidence::edited(LogEdit::CutOff, scene).await,
        DefectId::Log06 => evidence::edited(LogEdit::Rechained, scene).await,
        DefectId::Log07 => evidence::by_sql(Statement::Update, scene).await,
        DefectId::Log08 => evidence::by_sql(Statement::Delete, scene).await,
        DefectId::Log09 => pack::strike(PackDamage::Report, scene).await,
        DefectId::Log10 => pack::strike(PackDamage::Chunks, scene).await,
        DefectId::Log11 => pack::strike(PackDamage::Log, scene).await,
        DefectId::Log12 => pack::strike(PackDamage::CutOff, scene).await,
        DefectId::Log13 => pack::strike(PackDamage::OtherKey, scene).await,
    }
}
