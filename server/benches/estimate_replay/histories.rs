//! Worlds in which VMs are built: how long each stage really takes there.
//!
//! A world is drawn from its seed: its templates, how long their stages usually take, how much that
//! varies, and what happens to it.

use super::chance::Chance;

pub const STAGES: usize = 5;
const CLONING: usize = 1;
const CONFIGURING: usize = 2;
const NETWORK: usize = 4;

/// What happens in a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// Log-normal stages, a few templates and sizes, one run in twenty fails.
    Steady,
    /// In the middle the datastore becomes two to four times slower, for all.
    SlowDatastore,
    /// Many templates, each used a few times only.
    FewSamples,
    /// In the middle a template is rebuilt: its clone takes much more, or much less.
    TemplateChanged,
    /// The network stage is short or four times as long (a lost DHCP answer), and one clone in ten hangs.
    HeavyTail,
}

impl Scenario {
    pub const ALL: [Self; 5] = [
        Self::Steady,
        Self::SlowDatastore,
        Self::FewSamples,
        Self::TemplateChanged,
        Self::HeavyTail,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Steady => "log-normal stages",
            Self::SlowDatastore => "datastore suddenly slow",
            Self::FewSamples => "few samples",
            Self::TemplateChanged => "template changed",
            Self::HeavyTail => "two peaks, heavy tail",
        }
    }
}

/// One run as it really was.
#[derive(Debug, Clone, Copy)]
pub struct TrueRun {
    pub template: u32,
    pub size: u32,
    /// Milliseconds, as they would be if nothing failed.
    pub stages_ms: [u64; STAGES],
    /// Failed in this stage after so many milliseconds.
    pub failed: Option<(usize, u64)>,
    /// When half of each stage's usual time has passed, and its 95th percentile, in this world.
    pub half_ms: [u64; STAGES],
    pub p95_ms: [u64; STAGES],
    /// Unknown of a run that was recorded.
    pub odds: Option<Odds>,
}

/// What decides how long the stages of one run take.
#[derive(Debug, Clone, Copy)]
pub struct Odds {
    median_ms: [f64; STAGES],
    spreads: [f64; STAGES],
    heavy_tail: bool,
}

impl Odds {
    /// How long a stage takes this time, in milliseconds.
    pub fn draw(&self, chance: &mut Chance, stage: usize) -> f64 {
        let mut ms = self.median_ms[stage] * (self.spreads[stage] * chance.normal()).exp();
        if self.heavy_tail {
            if stage == NETWORK && chance.happens(0.3) {
                ms *= 4.0;
            }
            if stage == CLONING && chance.happens(0.1) {
                // Pareto: no longest one.
                ms *= chance.part().powf(-0.6);
            }
        }
        ms
    }
}

impl TrueRun {
    /// One that was recorded: asked is when it is entered, at its half and shortly before its end.
    pub fn recorded(template: u32, size: u32, stages_ms: [u64; STAGES]) -> Self {
        let part = |parts: u64| stages_ms.map(|ms| ms * parts / 20);
        Self {
            template,
            size,
            stages_ms,
            failed: None,
            half_ms: part(10),
            p95_ms: part(19),
            odds: None,
        }
    }
}

struct Template {
    median_ms: [f64; STAGES],
}

/// So many runs, one after the other.
pub fn runs(scenario: Scenario, seed: u64, count: u32) -> Vec<TrueRun> {
    let mut chance = Chance::new(seed.wrapping_mul(31).wrapping_add(scenario as u64));
    let templates = match scenario {
        Scenario::FewSamples => count / 8,
        Scenario::Steady
        | Scenario::SlowDatastore
        | Scenario::TemplateChanged
        | Scenario::HeavyTail => 3,
    };
    let templates: Vec<Template> = (0..templates.max(1)).map(|_| template(&mut chance)).collect();
    let spreads = [0.5, 0.3, 0.3, 0.25, 0.4].map(|usual| usual * chance.factor(0.6, 1.5));
    let sizes = [0, 1, 2].map(|size| 1.0 + 0.25 * f64::from(size) * chance.part());
    let slower = chance.factor(2.0, 4.0);
    let changed =
        if chance.happens(0.5) { chance.factor(2.0, 3.5) } else { chance.factor(0.3, 0.5) };
    (0..count)
        .map(|number| {
            let template = chance.one_of(u32::try_from(templates.len()).expect("few"));
            let size = chance.one_of(3);
            let late = number >= count / 2;
            let mut median = templates[template as usize].median_ms;
            median[CONFIGURING] *= sizes[size as usize];
            if late && scenario == Scenario::SlowDatastore {
                median[CLONING] *= slower;
                median[CONFIGURING] *= slower.sqrt();
            }
            if late && scenario == Scenario::TemplateChanged && template == 0 {
                median[CLONING] *= changed;
                median[NETWORK] *= changed.sqrt();
            }
            one(scenario, &mut chance, (template, size), median, spreads)
        })
        .collect()
}

fn template(chance: &mut Chance) -> Template {
    Template {
        median_ms: [
            chance.factor(300.0, 1_500.0),
            chance.factor(20_000.0, 200_000.0),
            chance.factor(5_000.0, 20_000.0),
            chance.factor(3_000.0, 9_000.0),
            chance.factor(15_000.0, 70_000.0),
        ],
    }
}

fn one(
    scenario: Scenario,
    chance: &mut Chance,
    (template, size): (u32, u32),
    median: [f64; STAGES],
    spreads: [f64; STAGES],
) -> TrueRun {
    let odds = Odds { median_ms: median, spreads, heavy_tail: scenario == Scenario::HeavyTail };
    let stages_ms = std::array::from_fn(|stage| whole(odds.draw(chance, stage)));
    let failed = chance.happens(0.05).then(|| {
        let stage = 1 + chance.one_of(4) as usize;
        (stage, whole(chance.part() * median[stage]))
    });
    let tail = |stage: usize| {
        let beyond = 1.645 * spreads[stage];
        let two_peaks = scenario == Scenario::HeavyTail && stage == NETWORK;
        if two_peaks { 4.0 * (spreads[stage] * 0.97).exp() } else { beyond.exp() }
    };
    TrueRun {
        template,
        size,
        stages_ms,
        failed,
        half_ms: std::array::from_fn(|stage| whole(median[stage] / 2.0)),
        p95_ms: std::array::from_fn(|stage| whole(median[stage] * tail(stage))),
        odds: Some(odds),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some minutes")]
fn whole(ms: f64) -> u64 {
    ms.round().max(1.0) as u64
}
