// Rows of the table that `make bench` prints, as the Rust benches print theirs: cells with tabs between.

// The value below which so many percent of the samples lie.
function percentile(samples, percent) {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? Number.NaN;
}

const milliseconds = (value) => `${value.toFixed(1)} ms`;

// Prints samples in milliseconds beside others, or beside one number that is aimed at.
export function row(what, measured, beside, yardstick) {
  const known = Array.isArray(yardstick) ? yardstick : [yardstick];
  const cells = (samples) => [50, 99].map((percent) => milliseconds(percentile(samples, percent)));
  const ratios = [50, 99].map((percent) => percentile(measured, percent) / percentile(known, percent));
  const ratio = ratios.map((value) => value.toFixed(2)).join(", ");
  console.log([`${what} (${measured.length})`, ...cells(measured), beside, ...cells(known), ratio].join("\t"));
}

// Prints one size beside another.
export function sizeRow(what, bytes, beside, otherBytes) {
  const size = (value) => `${(value / 1000).toFixed(1)} kB`;
  console.log([what, size(bytes), "", beside, size(otherBytes), "", (bytes / otherBytes).toFixed(2)].join("\t"));
}

// Prints a rate, such as frames per second, beside another one.
export function rateRow(what, perSecond, beside, otherPerSecond) {
  const rate = (value) => `${value.toFixed(1)}/s`;
  const ratio = (perSecond / otherPerSecond).toFixed(2);
  console.log([what, rate(perSecond), "", beside, rate(otherPerSecond), "", ratio].join("\t"));
}
