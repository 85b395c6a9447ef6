//! How each defect of the catalogue is struck: the catalogue and the strikes are held to each other by the compiler.

mod bus;
mod content;
mod decoding;
mod evidence;
mod fleet;
mod ledger;
mod load;
mod pack;
mod promotion;
mod rows;
mod source;
mod tables;
mod values;

use std::future::Future;
use std::pin::Pin;

use domain::layout::Mode;

use crate::defect::DefectId;
use crate::misreading::Misreading;
use crate::scenario::{Scenario, Strike};
use bus::Intrusion;
use evidence::{LogEdit, Statement};
use fleet::{Forgery, InBatch, InTransit, Lie};
use ledger::{Breach, Entry};
use load::{Columns, Declared, Twice};
use pack::PackDamage;
use promotion::{Approval, Cut, InFinal};
use rows::{BetweenRuns, Reject, Row};
use source::{ControlDamage, Declaration, FileDamage};
use tables::{IntoFinal, IntoStaging, Moment};
use values::Damage;

/// Makes a strike outside the frame of the function that awaits it. There are many strikes, and in a debug build each
/// would have its place in the stack of the one function that chooses among them.
#[inline(never)]
fn boxed<'a, F: Future<Output = Strike> + Send + 'a>(
    make: impl FnOnce() -> F,
) -> Pin<Box<dyn Future<Output = Strike> + Send + 'a>> {
    Box::pin(make())
}

/// Strikes the defect with this number.
pub(crate) async fn strike(id: DefectId, scenario: &Scenario<'_>) -> Strike {
    match id {
        DefectId::Cnt01 => boxed(|| rows::altered(Row::Lost, scenario)).await,
        DefectId::Cnt02 => boxed(|| rows::altered(Row::Doubled, scenario)).await,
        DefectId::Cnt03 => boxed(|| rows::altered(Row::Replaced, scenario)).await,
        DefectId::Cnt04 => boxed(|| rows::altered(Row::ChunkLost, scenario)).await,
        DefectId::Cnt05 => boxed(|| rows::altered(Row::ChunkTwice, scenario)).await,
        DefectId::Cnt06 => boxed(|| rows::altered(Row::Moved, scenario)).await,
        DefectId::Cnt07 => boxed(|| rows::between_runs(BetweenRuns::MixedIn, scenario)).await,
        DefectId::Cnt08 => boxed(|| rows::between_runs(BetweenRuns::BookedElsewhere, scenario)).await,
        DefectId::Cnt09 => boxed(|| rows::altered(Row::TwoDoubled, scenario)).await,
        DefectId::Cnt10 => boxed(|| rows::altered(Row::Exchanged, scenario)).await,
        DefectId::Cnt11 => boxed(|| fleet::row_altered(InBatch::Lost, scenario)).await,
        DefectId::Cnt12 => boxed(|| fleet::forged(Forgery::RecordLost, scenario)).await,
        DefectId::Cnt13 => boxed(|| rows::rejects(Reject::Lost, scenario)).await,
        DefectId::Cnt14 => boxed(|| rows::rejects(Reject::Staged, scenario)).await,
        DefectId::Amt01 => boxed(|| content::altered(Damage::UnitAdded, scenario)).await,
        DefectId::Amt02 => boxed(|| content::altered(Damage::SignFlipped, scenario)).await,
        DefectId::Amt03 => boxed(|| content::altered(Damage::DigitsTransposed, scenario)).await,
        DefectId::Amt04 => boxed(|| content::altered(Damage::ErrorsCancel, scenario)).await,
        DefectId::Amt05 => boxed(|| content::altered(Damage::PointShifted, scenario)).await,
        DefectId::Amt06 => boxed(|| content::altered(Damage::CentInTenBillion, scenario)).await,
        DefectId::Amt07 => boxed(|| content::altered(Damage::RoundedAt29Digits, scenario)).await,
        DefectId::Amt08 => boxed(|| content::altered(Damage::NegativeZero, scenario)).await,
        DefectId::Amt09 => boxed(|| content::altered(Damage::AmountNull, scenario)).await,
        DefectId::Amt10 => boxed(|| content::altered(Damage::OtherScale, scenario)).await,
        DefectId::Amt11 => boxed(|| content::altered(Damage::AmountsExchanged, scenario)).await,
        DefectId::Amt12 => boxed(|| content::altered(Damage::ThroughFloat, scenario)).await,
        DefectId::Con01 => boxed(|| content::altered(Damage::NullEmpty, scenario)).await,
        DefectId::Con02 => boxed(|| content::altered(Damage::EmptyNull, scenario)).await,
        DefectId::Con03 => boxed(|| content::altered(Damage::NullText, scenario)).await,
        DefectId::Con04 => boxed(|| content::altered(Damage::BlankAdded, scenario)).await,
        DefectId::Con05 => boxed(|| content::altered(Damage::CharacterMoved, scenario)).await,
        DefectId::Con06 => boxed(|| content::altered(Damage::SeparatorMoved, scenario)).await,
        DefectId::Con07 => boxed(|| content::altered(Damage::Decomposed, scenario)).await,
        DefectId::Con08 => boxed(|| content::altered(Damage::WrongEncoding, scenario)).await,
        DefectId::Con09 => boxed(|| content::altered(Damage::CaseChanged, scenario)).await,
        DefectId::Con10 => boxed(|| content::altered(Damage::CutOff, scenario)).await,
        DefectId::Con11 => boxed(|| content::altered(Damage::NoBreakSpace, scenario)).await,
        DefectId::Con12 => boxed(|| content::altered(Damage::DayShifted, scenario)).await,
        DefectId::Con13 => boxed(|| content::altered(Damage::HourShifted, scenario)).await,
        DefectId::Con14 => boxed(|| content::altered(Damage::FractionDropped, scenario)).await,
        DefectId::Con15 => boxed(|| content::altered(Damage::BooleanInverted, scenario)).await,
        DefectId::Con16 => boxed(|| content::altered(Damage::IntegerOff, scenario)).await,
        DefectId::Con17 => boxed(|| content::altered(Damage::BitFlipped, scenario)).await,
        DefectId::Con18 => boxed(|| content::altered(Damage::TextsExchanged, scenario)).await,
        DefectId::Con19 => boxed(|| content::altered(Damage::ZerosDropped, scenario)).await,
        DefectId::Con20 => boxed(|| content::reject_altered(scenario)).await,
        DefectId::Con21 => boxed(|| content::altered(Damage::ValueNull, scenario)).await,
        DefectId::Dec01 => boxed(|| decoding::misread(Misreading::PointIgnored, scenario)).await,
        DefectId::Dec02 => boxed(|| decoding::misread(Misreading::SignDropped, scenario)).await,
        DefectId::Dec03 => boxed(|| decoding::misread(Misreading::ThroughFloat, scenario)).await,
        DefectId::Dec04 => boxed(|| decoding::misread(Misreading::LastDigitDropped, scenario)).await,
        DefectId::Dec05 => boxed(|| decoding::misread(Misreading::NullEmpty, scenario)).await,
        DefectId::Dec06 => boxed(|| decoding::misread(Misreading::EmptyNull, scenario)).await,
        DefectId::Dec07 => boxed(|| decoding::misread(Misreading::ValueNull, scenario)).await,
        DefectId::Dec08 => boxed(|| decoding::misread(Misreading::DayMonth, scenario)).await,
        DefectId::Dec09 => boxed(|| decoding::misread(Misreading::Century, scenario)).await,
        DefectId::Dec10 => boxed(|| decoding::misread(Misreading::LeadingZeros, scenario)).await,
        DefectId::Dec11 => boxed(|| decoding::misread(Misreading::BlankAdded, scenario)).await,
        DefectId::Dec12 => boxed(|| decoding::misread(Misreading::CutShort, scenario)).await,
        DefectId::Dec13 => boxed(|| decoding::misread(Misreading::CaseFolded, scenario)).await,
        DefectId::Dec14 => boxed(|| decoding::misread(Misreading::Replaced, scenario)).await,
        DefectId::Dec15 => boxed(|| decoding::misread(Misreading::QuotesKept, scenario)).await,
        DefectId::Dec16 => boxed(|| decoding::misread(Misreading::SeparatorLost, scenario)).await,
        DefectId::Dec17 => boxed(|| decoding::misread(Misreading::BooleanInverted, scenario)).await,
        DefectId::Dec18 => boxed(|| decoding::misread(Misreading::FractionDropped, scenario)).await,
        DefectId::Dec19 => boxed(|| decoding::misread(Misreading::HourShifted, scenario)).await,
        DefectId::Dec20 => boxed(|| decoding::misread(Misreading::IntegerOff, scenario)).await,
        DefectId::Dec21 => boxed(|| decoding::misread(Misreading::ByteLost, scenario)).await,
        DefectId::Dec22 => boxed(|| decoding::misread(Misreading::Exchanged, scenario)).await,
        DefectId::Dec23 => boxed(|| decoding::misread(Misreading::RecordBefore, scenario)).await,
        DefectId::Dec24 => boxed(|| decoding::misread(Misreading::ByteOrder, scenario)).await,
        DefectId::Dec25 => boxed(|| decoding::misread(Misreading::OtherPage, scenario)).await,
        DefectId::Dec26 => boxed(|| decoding::misread(Misreading::TableCut, scenario)).await,
        DefectId::Dec27 => boxed(|| decoding::misread(Misreading::ScaleOff, scenario)).await,
        DefectId::Dec28 => boxed(|| decoding::misread(Misreading::BytesTwice, scenario)).await,
        DefectId::Dec29 => boxed(|| decoding::misread(Misreading::BytesLost, scenario)).await,
        DefectId::Dec30 => boxed(|| decoding::misread(Misreading::RecordLost, scenario)).await,
        DefectId::Dec31 => boxed(|| decoding::misread(Misreading::FillerLost, scenario)).await,
        DefectId::Str01 => boxed(|| tables::other_order(scenario)).await,
        DefectId::Str02 => boxed(|| tables::narrower(Moment::BeforeRun, scenario)).await,
        DefectId::Str03 => boxed(|| tables::narrower(Moment::BeforePromotion, scenario)).await,
        DefectId::Str04 => boxed(|| tables::into_staging(IntoStaging::Dropped, scenario)).await,
        DefectId::Str05 => boxed(|| tables::into_staging(IntoStaging::Altered, scenario)).await,
        DefectId::Str06 => boxed(|| tables::into_final(IntoFinal::Dropped, scenario)).await,
        DefectId::Str07 => boxed(|| tables::into_final(IntoFinal::Altered, scenario)).await,
        DefectId::Str08 => boxed(|| tables::dropping(scenario)).await,
        DefectId::Str09 => boxed(|| tables::into_final(IntoFinal::Refused, scenario)).await,
        DefectId::Str10 => boxed(|| tables::into_final(IntoFinal::WrittenElsewhere, scenario)).await,
        DefectId::Hnd01 => boxed(|| fleet::counts(Lie::WriterMore, scenario)).await,
        DefectId::Hnd02 => boxed(|| fleet::counts(Lie::WriterLess, scenario)).await,
        DefectId::Hnd03 => boxed(|| fleet::counts(Lie::ProcessorMore, scenario)).await,
        DefectId::Hnd04 => boxed(|| rows::altered(Row::OtherWorker, scenario)).await,
        DefectId::Hnd05 => boxed(|| rows::exchanged_workers(scenario)).await,
        DefectId::Hnd06 => boxed(|| fleet::counts(Lie::Lost, scenario)).await,
        DefectId::Hnd07 => boxed(|| fleet::doubled(scenario)).await,
        DefectId::Hnd08 => boxed(|| fleet::counts(Lie::OtherWorker, scenario)).await,
        DefectId::Hnd09 => boxed(|| fleet::row_altered(InBatch::Altered, scenario)).await,
        DefectId::Hnd10 => boxed(|| fleet::forged(Forgery::Declared, scenario)).await,
        DefectId::Hnd11 => boxed(|| fleet::forged(Forgery::Approved, scenario)).await,
        DefectId::Hnd12 => boxed(|| fleet::chunk_altered(InTransit::Flipped, scenario)).await,
        DefectId::Hnd13 => boxed(|| fleet::chunk_altered(InTransit::Shortened, scenario)).await,
        DefectId::Hnd14 => boxed(|| fleet::forged(Forgery::DecodedTwice, scenario)).await,
        DefectId::Bus01 => boxed(|| bus::strike(Intrusion::ChunkAltered, scenario)).await,
        DefectId::Bus02 => boxed(|| bus::strike(Intrusion::BatchAltered, scenario)).await,
        DefectId::Bus03 => boxed(|| bus::strike(Intrusion::ChunkForged, scenario)).await,
        DefectId::Bus04 => boxed(|| bus::strike(Intrusion::BatchForged, scenario)).await,
        DefectId::Bus05 => boxed(|| bus::strike(Intrusion::WriterCounts, scenario)).await,
        DefectId::Bus06 => boxed(|| bus::strike(Intrusion::ProcessorCounts, scenario)).await,
        DefectId::Bus07 => boxed(|| bus::strike(Intrusion::Failure, scenario)).await,
        DefectId::Bus08 => boxed(|| bus::strike(Intrusion::Failures, scenario)).await,
        DefectId::Bus09 => boxed(|| bus::strike(Intrusion::ShorterRange, scenario)).await,
        DefectId::Bus10 => boxed(|| bus::strike(Intrusion::UnknownRun, scenario)).await,
        DefectId::Bus11 => boxed(|| bus::strike(Intrusion::UnreachableChunk, scenario)).await,
        DefectId::Bus12 => boxed(|| bus::strike(Intrusion::Replay, scenario)).await,
        DefectId::Bus13 => boxed(|| bus::strike(Intrusion::OtherStore, scenario)).await,
        DefectId::Bus14 => boxed(|| bus::strike(Intrusion::RetiredKey, scenario)).await,
        DefectId::Bus15 => boxed(|| bus::strike(Intrusion::NoSeal, scenario)).await,
        DefectId::Bus16 => boxed(|| bus::strike(Intrusion::CountsTaken, scenario)).await,
        DefectId::Bus17 => boxed(|| bus::strike(Intrusion::ChunkTaken, scenario)).await,
        DefectId::Bus18 => boxed(|| bus::strike(Intrusion::BatchTaken, scenario)).await,
        DefectId::Bus19 => boxed(|| bus::strike(Intrusion::Garbage, scenario)).await,
        DefectId::Bus20 => boxed(|| bus::strike(Intrusion::OtherQueue, scenario)).await,
        DefectId::Led01 => boxed(|| ledger::entry(Entry::Deleted, scenario)).await,
        DefectId::Led02 => boxed(|| ledger::entry(Entry::Shifted, scenario)).await,
        DefectId::Led03 => boxed(|| ledger::sums_that_fit(scenario)).await,
        DefectId::Led04 => boxed(|| ledger::entry(Entry::OtherWriter, scenario)).await,
        DefectId::Led05 => boxed(|| ledger::entry(Entry::MoreAccepted, scenario)).await,
        DefectId::Led06 => boxed(|| ledger::entry(Entry::JobAltered, scenario)).await,
        DefectId::Led07 => boxed(|| ledger::breaches(Breach::Deleted, scenario)).await,
        DefectId::Led08 => boxed(|| ledger::breaches(Breach::Moved, scenario)).await,
        DefectId::Src01 => boxed(|| source::changed_under_the_run(scenario)).await,
        DefectId::Src02 => boxed(|| source::edited_file(FileDamage::Emptied, scenario)).await,
        DefectId::Src03 => boxed(|| source::edited_file(FileDamage::Garbled, scenario)).await,
        DefectId::Dcl01 => boxed(|| source::declared(Declaration::RecordMore, scenario)).await,
        DefectId::Dcl02 => boxed(|| source::declared(Declaration::SumOff, scenario)).await,
        DefectId::Dcl03 => boxed(|| source::declared(Declaration::OtherFile, scenario)).await,
        DefectId::Dcl04 => boxed(|| source::again(scenario)).await,
        DefectId::Dcl05 => boxed(|| source::edited_file(FileDamage::EndMissing, scenario)).await,
        DefectId::Dcl06 => boxed(|| source::edited_file(FileDamage::RecordsExchanged, scenario)).await,
        DefectId::Dcl07 => boxed(|| source::edited_file(FileDamage::CutInRecord, scenario)).await,
        DefectId::Dcl08 => boxed(|| source::controls(ControlDamage::Count, scenario)).await,
        DefectId::Dcl09 => boxed(|| source::controls(ControlDamage::Total, scenario)).await,
        DefectId::Dcl10 => boxed(|| source::controls(ControlDamage::HashTotal, scenario)).await,
        DefectId::Dcl11 => boxed(|| source::controls(ControlDamage::OtherDay, scenario)).await,
        DefectId::Dcl12 => boxed(|| source::gap(scenario)).await,
        DefectId::Dcl13 => boxed(|| source::controls(ControlDamage::NoTrailer, scenario)).await,
        DefectId::Dcl14 => boxed(|| source::columns_exchanged(scenario)).await,
        DefectId::Prm01 => boxed(|| promotion::in_window(InFinal::RowLost, scenario)).await,
        DefectId::Prm02 => boxed(|| promotion::in_window(InFinal::ValueChanged, scenario)).await,
        DefectId::Prm03 => boxed(|| promotion::in_window(InFinal::ValuesExchanged, scenario)).await,
        DefectId::Prm04 => boxed(|| promotion::failed_row_in_final(scenario)).await,
        DefectId::Prm05 => boxed(|| promotion::approved_all_the_same(Approval::OfFailed, scenario)).await,
        DefectId::Prm06 => boxed(|| promotion::approved_all_the_same(Approval::OfForged, scenario)).await,
        DefectId::Prm07 => boxed(|| promotion::cut_off(Cut::BeforeCommit, scenario)).await,
        DefectId::Prm08 => boxed(|| promotion::cut_off(Cut::AfterCommit, scenario)).await,
        DefectId::Prm09 => boxed(|| promotion::earlier_row(Mode::Upsert, scenario)).await,
        DefectId::Prm10 => boxed(|| promotion::earlier_row(Mode::Append, scenario)).await,
        DefectId::Prm11 => boxed(|| promotion::after_proof(scenario)).await,
        DefectId::Log01 => boxed(|| evidence::edited(LogEdit::Removed, scenario)).await,
        DefectId::Log02 => boxed(|| evidence::edited(LogEdit::Exchanged, scenario)).await,
        DefectId::Log03 => boxed(|| evidence::edited(LogEdit::Rewritten, scenario)).await,
        DefectId::Log04 => boxed(|| evidence::edited(LogEdit::Rehashed, scenario)).await,
        DefectId::Log05 => boxed(|| evidence::edited(LogEdit::CutOff, scenario)).await,
        DefectId::Log06 => boxed(|| evidence::edited(LogEdit::Rechained, scenario)).await,
        DefectId::Log07 => boxed(|| evidence::by_sql(Statement::Update, scenario)).await,
        DefectId::Log08 => boxed(|| evidence::by_sql(Statement::Delete, scenario)).await,
        DefectId::Log09 => boxed(|| pack::strike(PackDamage::Report, scenario)).await,
        DefectId::Log10 => boxed(|| pack::strike(PackDamage::Chunks, scenario)).await,
        DefectId::Log11 => boxed(|| pack::strike(PackDamage::Log, scenario)).await,
        DefectId::Log12 => boxed(|| pack::strike(PackDamage::CutOff, scenario)).await,
        DefectId::Log13 => boxed(|| pack::strike(PackDamage::OtherKey, scenario)).await,
        DefectId::Lod01 => boxed(|| load::rows(load::Rows::Lost, scenario)).await,
        DefectId::Lod02 => boxed(|| load::rows(load::Rows::Doubled, scenario)).await,
        DefectId::Lod03 => boxed(|| load::rows(load::Rows::Replaced, scenario)).await,
        DefectId::Lod04 => boxed(|| load::rows(load::Rows::EndMissing, scenario)).await,
        DefectId::Lod05 => boxed(|| load::rows(load::Rows::Emptied, scenario)).await,
        DefectId::Lod06 => boxed(|| load::rows(load::Rows::AllTwice, scenario)).await,
        DefectId::Lod07 => boxed(|| load::rows(load::Rows::Foreign, scenario)).await,
        DefectId::Lod08 => boxed(|| load::rows(load::Rows::OtherKey, scenario)).await,
        DefectId::Lod09 => boxed(|| load::rows(load::Rows::NullKey, scenario)).await,
        DefectId::Lod10 => boxed(|| load::rows(load::Rows::SecondRow, scenario)).await,
        DefectId::Lod11 => boxed(|| load::rows(load::Rows::KeysExchanged, scenario)).await,
        DefectId::Lod12 => boxed(|| load::rows(load::Rows::Filtered, scenario)).await,
        DefectId::Lod13 => boxed(|| load::twice(Twice::Both, scenario)).await,
        DefectId::Lod14 => boxed(|| load::twice(Twice::Once, scenario)).await,
        DefectId::Lod15 => boxed(|| load::altered(Damage::UnitAdded, Declared::Nothing, scenario)).await,
        DefectId::Lod16 => boxed(|| load::altered(Damage::SignFlipped, Declared::Nothing, scenario)).await,
        DefectId::Lod17 => {
            boxed(|| load::altered(Damage::DigitsTransposed, Declared::Nothing, scenario)).await
        }
        DefectId::Lod18 => boxed(|| load::altered(Damage::ErrorsCancel, Declared::Nothing, scenario)).await,
        DefectId::Lod19 => boxed(|| load::altered(Damage::PointShifted, Declared::Nothing, scenario)).await,
        DefectId::Lod20 => {
            boxed(|| load::altered(Damage::CentInTenBillion, Declared::Nothing, scenario)).await
        }
        DefectId::Lod21 => {
            boxed(|| load::altered(Damage::RoundedAt29Digits, Declared::Nothing, scenario)).await
        }
        DefectId::Lod22 => boxed(|| load::altered(Damage::NegativeZero, Declared::Nothing, scenario)).await,
        DefectId::Lod23 => boxed(|| load::altered(Damage::AmountNull, Declared::Nothing, scenario)).await,
        DefectId::Lod24 => boxed(|| load::altered(Damage::OtherScale, Declared::Nothing, scenario)).await,
        DefectId::Lod25 => {
            boxed(|| load::altered(Damage::AmountsExchanged, Declared::Nothing, scenario)).await
        }
        DefectId::Lod26 => boxed(|| load::altered(Damage::ThroughFloat, Declared::Nothing, scenario)).await,
        DefectId::Lod27 => boxed(|| load::columns(Columns::Float, scenario)).await,
        DefectId::Lod28 => boxed(|| load::altered(Damage::NullEmpty, Declared::Nothing, scenario)).await,
        DefectId::Lod29 => boxed(|| load::altered(Damage::EmptyNull, Declared::Nothing, scenario)).await,
        DefectId::Lod30 => boxed(|| load::altered(Damage::NullText, Declared::Nothing, scenario)).await,
        DefectId::Lod31 => boxed(|| load::altered(Damage::BlankAdded, Declared::Nothing, scenario)).await,
        DefectId::Lod32 => boxed(|| load::altered(Damage::CharacterMoved, Declared::Nothing, scenario)).await,
        DefectId::Lod33 => boxed(|| load::altered(Damage::SeparatorMoved, Declared::Nothing, scenario)).await,
        DefectId::Lod34 => boxed(|| load::altered(Damage::Decomposed, Declared::Nothing, scenario)).await,
        DefectId::Lod35 => boxed(|| load::altered(Damage::WrongEncoding, Declared::Nothing, scenario)).await,
        DefectId::Lod36 => boxed(|| load::altered(Damage::CaseChanged, Declared::Nothing, scenario)).await,
        DefectId::Lod37 => boxed(|| load::altered(Damage::CutOff, Declared::Nothing, scenario)).await,
        DefectId::Lod38 => boxed(|| load::altered(Damage::NoBreakSpace, Declared::Nothing, scenario)).await,
        DefectId::Lod39 => boxed(|| load::altered(Damage::DayShifted, Declared::Nothing, scenario)).await,
        DefectId::Lod40 => boxed(|| load::altered(Damage::HourShifted, Declared::Nothing, scenario)).await,
        DefectId::Lod41 => {
            boxed(|| load::altered(Damage::FractionDropped, Declared::Nothing, scenario)).await
        }
        DefectId::Lod42 => {
            boxed(|| load::altered(Damage::BooleanInverted, Declared::Nothing, scenario)).await
        }
        DefectId::Lod43 => boxed(|| load::altered(Damage::IntegerOff, Declared::Nothing, scenario)).await,
        DefectId::Lod44 => boxed(|| load::altered(Damage::BitFlipped, Declared::Nothing, scenario)).await,
        DefectId::Lod45 => boxed(|| load::altered(Damage::TextsExchanged, Declared::Nothing, scenario)).await,
        DefectId::Lod46 => boxed(|| load::altered(Damage::ZerosDropped, Declared::Nothing, scenario)).await,
        DefectId::Lod47 => boxed(|| load::altered(Damage::ValueNull, Declared::Nothing, scenario)).await,
        DefectId::Lod48 => boxed(|| load::columns(Columns::Exchanged, scenario)).await,
        DefectId::Lod49 => {
            boxed(|| load::altered(Damage::UnitAdded, Declared::EveryEquality, scenario)).await
        }
        DefectId::Lod50 => {
            boxed(|| load::altered(Damage::ErrorsCancel, Declared::EveryEquality, scenario)).await
        }
        DefectId::Lod51 => boxed(|| load::altered(Damage::CutOff, Declared::EveryEquality, scenario)).await,
        DefectId::Lod52 => {
            boxed(|| load::altered(Damage::DayShifted, Declared::EveryEquality, scenario)).await
        }
        DefectId::Lod53 => {
            boxed(|| load::altered(Damage::HourShifted, Declared::EveryEquality, scenario)).await
        }
        DefectId::Lod54 => {
            boxed(|| load::altered(Damage::ValueNull, Declared::EveryEquality, scenario)).await
        }
    }
}
