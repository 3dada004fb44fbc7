// Says of each failed test in a report of Playwright (JSON) where it stands and the first lines of why.
import { readFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';

const LINES_MAX = 9;

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));

function* specsOf(suite) {
  yield* suite.specs ?? [];
  for (const inner of suite.suites ?? []) yield* specsOf(inner);
}

// What the report says outside of any test: a file that does not load.
for (const error of report.errors) console.log(`not ok ${stripVTControlCharacters(error.message ?? '')}`);

for (const spec of specsOf(report)) {
  for (const test of spec.tests.filter(({ status }) => status === 'unexpected')) {
    console.log(`not ok ${spec.file}:${spec.line} [${test.projectName}] ${spec.title}`);
    for (const error of test.results.flatMap(({ errors }) => errors)) {
      const why = stripVTControlCharacters(error.message ?? '').split('\n').filter((line) => line.trim() !== '');
      for (const line of why.slice(0, LINES_MAX)) console.log(`    ${line}`);
    }
  }
}
