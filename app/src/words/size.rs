//! Sizes: CPUs and memory.

use super::Words;
use crate::language::Language;

const MIB_PER_GIB: u32 = 1_024;

impl Words {
    /// `1 CPU`, `4 CPUs`.
    pub(crate) fn cpus(self, count: u32) -> String {
        match count {
            1 => self.pick("1 CPU", "1 CPU").to_owned(),
            count => say!(self, "{count} CPUs", "{count} CPUs"),
        }
    }

    /// `8 GiB`, `1.5 GiB`, `516 MiB`: in GiB where that is exact to a tenth.
    pub(crate) fn memory(self, mib: u32) -> String {
        let tenths_of_gib = u64::from(mib) * 10;
        let is_exact = tenths_of_gib.is_multiple_of(u64::from(MIB_PER_GIB));
        if mib < MIB_PER_GIB || !is_exact {
            return format!("{} MiB", self.with_thousands(mib));
        }
        let tenths = tenths_of_gib / u64::from(MIB_PER_GIB);
        match tenths % 10 {
            0 => format!("{} GiB", tenths / 10),
            rest => format!("{}{}{rest} GiB", tenths / 10, self.decimal_point()),
        }
    }

    /// The size of a disk.
    pub(crate) fn disk(self, gib: u32) -> String {
        say!(self, "{} GiB disk", "{} GiB Platte", self.with_thousands(gib))
    }

    /// `1,048,576`.
    pub(crate) fn with_thousands(self, number: u32) -> String {
        let separator = match self.language() {
            Language::English => ',',
            Language::German => '.',
        };
        let digits = number.to_string();
        let mut text = String::with_capacity(digits.len() + digits.len() / 3);
        for (position, digit) in digits.chars().enumerate() {
            if position > 0 && (digits.len() - position).is_multiple_of(3) {
                text.push(separator);
            }
            text.push(digit);
        }
        text
    }

    /// The limits of a number of CPUs.
    pub(crate) fn cpu_limits(self, (least, most): (u32, u32)) -> String {
        say!(self, "{least} to {most}", "{least} bis {most}")
    }

    /// The limits of memory, in MiB.
    pub(crate) fn memory_limits(self, (least, most): (u32, u32), step: u32) -> String {
        let (least, most) = (self.with_thousands(least), self.with_thousands(most));
        say!(
            self,
            "{least} to {most}, steps of {step}",
            "{least} bis {most}, in Schritten von {step}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EN: Words = Words::ENGLISH;

    #[test]
    fn memory_is_in_gib_where_that_is_exact() {
        for (mib, said) in [
            (256, "256 MiB"),
            (1_024, "1 GiB"),
            (1_536, "1.5 GiB"),
            (1_028, "1,028 MiB"),
            (8_192, "8 GiB"),
            (1_048_576, "1024 GiB"),
        ] {
            assert_eq!(EN.memory(mib), said);
        }
    }

    #[test]
    fn thousands_are_set_apart() {
        for (number, said) in [(4, "4"), (256, "256"), (1_000, "1,000"), (1_048_576, "1,048,576")] {
            assert_eq!(EN.with_thousands(number), said);
        }
    }

    #[test]
    fn one_cpu_is_not_plural() {
        assert_eq!((EN.cpus(1), EN.cpus(4)), ("1 CPU".to_owned(), "4 CPUs".to_owned()));
    }
}
