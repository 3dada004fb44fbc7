//! What was told with an event: the estimate, in the shape of each version.

use serde::{Deserialize, Serialize};

use super::{DecodeError, stage};
use crate::domain::estimate::{Basis, Estimate, Late, TIMED, Told};

/// Version 2: with a range, what the plain average would have said, and a stage that is late.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToldRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    estimate: Option<EstimateRecord>,
    /// By the place of the stage among those that take time.
    typical_ms: [Option<u64>; TIMED],
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EstimateRecord {
    remaining_ms: u64,
    low_ms: Option<u64>,
    high_ms: Option<u64>,
    average_ms: Option<u64>,
    samples: u32,
    basis: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    late: Option<LateRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LateRecord {
    stage: String,
    elapsed_ms: u64,
    up_to_ms: u64,
    slower_than: Option<u32>,
}

/// Version 1: a point only.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToldRecordV1 {
    estimate: Option<EstimateRecordV1>,
    typical_ms: [Option<u64>; TIMED],
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EstimateRecordV1 {
    remaining_ms: u64,
    samples: u32,
    basis: String,
}

impl ToldRecord {
    pub(super) fn is_empty(&self) -> bool {
        self.estimate.is_none() && self.typical_ms.iter().all(Option::is_none)
    }
}

impl From<&Told> for ToldRecord {
    fn from(told: &Told) -> Self {
        let estimate = told.estimate.map(|told| EstimateRecord {
            remaining_ms: told.remaining_ms,
            low_ms: told.low_ms,
            high_ms: told.high_ms,
            average_ms: told.average_ms,
            samples: told.samples,
            basis: basis_word(told.basis).to_owned(),
            late: told.late.map(|late| LateRecord {
                stage: late.stage.as_str().to_owned(),
                elapsed_ms: late.elapsed_ms,
                up_to_ms: late.up_to_ms,
                slower_than: late.slower_than,
            }),
        });
        Self { estimate, typical_ms: told.typical_ms }
    }
}

impl TryFrom<ToldRecord> for Told {
    type Error = DecodeError;

    fn try_from(record: ToldRecord) -> Result<Self, DecodeError> {
        let estimate = record.estimate.map(|told| {
            let late = told.late.map(|late| {
                Ok(Late {
                    stage: stage(&late.stage)?,
                    elapsed_ms: late.elapsed_ms,
                    up_to_ms: late.up_to_ms,
                    slower_than: late.slower_than,
                })
            });
            Ok(Estimate {
                remaining_ms: told.remaining_ms,
                low_ms: told.low_ms,
                high_ms: told.high_ms,
                samples: told.samples,
                basis: basis(told.basis)?,
                average_ms: told.average_ms,
                late: late.transpose()?,
            })
        });
        Ok(Self { estimate: estimate.transpose()?, typical_ms: record.typical_ms })
    }
}

impl TryFrom<ToldRecordV1> for Told {
    type Error = DecodeError;

    fn try_from(record: ToldRecordV1) -> Result<Self, DecodeError> {
        let estimate =
            record.estimate.map(|EstimateRecordV1 { remaining_ms, samples, basis: word }| {
                let (low_ms, high_ms, average_ms, late) = (None, None, None, None);
                let basis = basis(word)?;
                Ok(Estimate { remaining_ms, low_ms, high_ms, samples, basis, average_ms, late })
            });
        Ok(Self { estimate: estimate.transpose()?, typical_ms: record.typical_ms })
    }
}

fn basis(word: String) -> Result<Basis, DecodeError> {
    let known = Basis::ALL.into_iter().find(|known| basis_word(*known) == word);
    known.ok_or(DecodeError::Word(word))
}

fn basis_word(basis: Basis) -> &'static str {
    match basis {
        Basis::TemplateAndSize => "template_and_size",
        Basis::Template => "template",
        Basis::All => "all",
    }
}
