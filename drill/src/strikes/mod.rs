//! How each defect of the catalogue is struck.

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

use crate::defect::Defect;

use crate::scene::{Scene, Stop, Strike};

/// Strikes `defect`.
pub(crate) async fn strike(defect: &Defect, scene: &Scene<'_>) -> Strike {
    match &defect.id[..3] {
        "CNT" if defect.id == "CNT-11" || defect.id == "CNT-12" => fleet::strike(defect.id, scene).await,
        "CNT" => rows::strike(defect.id, scene).await,
        "AMT" | "CON" => content::strike(defect.id, scene).await,
        "BUS" => bus::strike(defect.id, scene).await,
        "STR" => tables::strike(defect.id, scene).await,
        "HND" if defect.id == "HND-04" || defect.id == "HND-05" => rows::strike(defect.id, scene).await,
        "HND" => fleet::strike(defect.id, scene).await,
        "LED" => ledger::strike(defect.id, scene).await,
        "SRC" | "DCL" => source::strike(defect.id, scene).await,
        "PRM" => promotion::strike(defect.id, scene).await,
        "LOG" if defect.id >= "LOG-09" => pack::strike(defect.id, scene).await,
        "LOG" => evidence::strike(defect.id, scene).await,
        _ => Err(unknown(defect.id)),
    }
}

fn unknown(id: &str) -> Stop {
    Stop::Failed(format!("there is no strike for {id}"))
}
