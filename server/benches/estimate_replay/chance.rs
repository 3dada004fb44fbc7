//! Numbers that look like chance, the same for the same seed on every machine.

/// A generator (`SplitMix64`).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5157_4147_4557_4154)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Between 0 and 1, neither of both.
    pub fn part(&mut self) -> f64 {
        let bits = u32::try_from(self.next() >> 32).expect("32 bits");
        (f64::from(bits) + 0.5) / f64::from(u32::MAX).mul_add(1.0, 1.0)
    }

    /// Between `low` and `high`, on a scale of factors.
    pub fn factor(&mut self, low: f64, high: f64) -> f64 {
        low * (high / low).powf(self.part())
    }

    pub fn happens(&mut self, likely: f64) -> bool {
        self.part() < likely
    }

    /// One of `count`.
    pub fn one_of(&mut self, count: u32) -> u32 {
        u32::try_from(self.next() % u64::from(count)).expect("below count")
    }

    /// Standard normal (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.part().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.part()).cos()
    }
}
