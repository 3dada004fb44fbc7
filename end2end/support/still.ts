// A page held still: what two runs of the same story show alike. Its times, durations, addresses and
// identifiers are replaced by ones that never change; the words around them stay.
import type { Page } from '@playwright/test';

/** What must be on the page: an element, and what its text must match. */
export type Sight = string | readonly [selector: string, text: RegExp];

/** What is different in each run, and what stands for it. */
const VOLATILE: [RegExp, string][] = [
  // Whoever noticed first that vCenter is away, the probe or a call, has its own words for it.
  [/no answer within \d+ s/g, 'no answer from 10.20.0.4 in time'],
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '01a20533-c719-7263-853a-725524c04e92'],
  [/\b(10|127)(\.\d+){3}(:\d+)?/g, '10.20.0.4'],
  [/\bfe80:[0-9a-f:]+/g, 'fe80::1'],
  [/\bvm-\d+/g, 'vm-101'],
  [/\b(task|session\[[^\]]*\])-\d+/g, 'task-11'],
  [/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?/g, '2026-11-25 12:04:31'],
  [/\d{1,2}:\d\d(:\d\d)?/g, '12:04:31'],
  [/\d+(?:[.,]\d+)? %/g, '40 %'],
];

/** Durations and ranges of them, in both languages: "about 5-9 s", "1 min 20 s", "2,4 s". How
 * often the page asks stays. */
const DURATION = /(?<!every |alle )\d+(?:[.,]\d+)?(?:[-–]\d+(?:[.,]\d+)?)? (?:ms|s|min|h)(?: \d+ (?:s|min))?(?![a-zA-Z])/;
/** What stands for them, from the page's top on, and again. */
const DURATIONS = ['40 s', '12 s', '2 s', '10 s', '30 s', '8 s', '6 s', '15 s', '3 s'];

/** Where the time that is left is told, and what stands for it. */
const ESTIMATES = [
  ['.eta-answer[data-remaining-ms]', 'About 40 s left', 'Noch etwa 40 s'],
  ['.replay-moment', '12:04:31 · event 5 of 10 · About 40 s left', '12:04:31 · Ereignis 5 von 10 · Noch etwa 40 s'],
  ['.row-when', '~40 s left', 'noch ~40 s'],
] as const;

/** How long each stage usually takes: a range, or one time where both ends are alike. */
const USUALLY = ['1 s', '8 s – 25 s', '2 s – 5 s', '3 s', '6 s – 15 s'];

/** The letters are the same everywhere, whatever else is installed. */
const FONTS = `
  *, ::before, ::after { font-family: 'DejaVu Sans' !important }
  code, code *, kbd, pre, pre * { font-family: 'DejaVu Sans Mono' !important }
`;

/** Waits for the frame in which the page shows all of `sights`, and holds the page still in it. */
export async function holdStill(page: Page, sights: Sight[]): Promise<void> {
  const wanted = sights.map((sight) =>
    typeof sight === 'string' ? { selector: sight, text: '' } : { selector: sight[0], text: sight[1].source },
  );
  const volatile = VOLATILE.map(([pattern, instead]) => [pattern.source, instead] as const);
  const seen = page.waitForFunction(
    ({ wanted, volatile, fonts, duration, durations, estimates, usually }) => {
      const isSeen = ({ selector, text }: { selector: string; text: string }) =>
        [...document.querySelectorAll(selector)].some((element) => new RegExp(text).test(element.textContent ?? ''));
      if (!wanted.every(isSeen)) return false;
      // A copy: nothing in the page's program knows its elements, so that it stays as it is.
      const copy = document.body.cloneNode(true) as HTMLElement;
      // What is told of the time left: the words go with the number.
      for (const [selector, english, german] of estimates) {
        for (const element of copy.querySelectorAll(selector)) {
          if (/left|noch|moment|second|Sekunde/i.test(element.textContent ?? '')) element.textContent = document.documentElement.lang === 'de' ? german : english;
        }
      }
      const usual = [...copy.querySelectorAll('.timeline-usually')].filter((cell) => /\d/.test(cell.textContent ?? ''));
      for (const cell of usual) cell.textContent = '';
      let told = 0;
      const texts = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
      while (texts.nextNode()) {
        let text = texts.currentNode.nodeValue ?? '';
        for (const [pattern, instead] of volatile) text = text.replace(new RegExp(pattern, 'g'), instead);
        text = text.replace(new RegExp(duration, 'g'), () => durations[told++ % durations.length] ?? '');
        if (text !== texts.currentNode.nodeValue) texts.currentNode.nodeValue = text;
      }
      for (const [row, cell] of usual.entries()) cell.textContent = usually[row] ?? '';
      for (const time of copy.querySelectorAll('time')) time.textContent = '12:04:31';
      for (const segment of copy.querySelectorAll<HTMLElement>('.segment')) {
        segment.style.setProperty('--usual', '1');
        if (segment.dataset['state'] === 'active') segment.style.setProperty('--filled', '0.5');
      }
      // How far a stage has got: half.
      for (const bar of copy.querySelectorAll<HTMLElement>('.row-bar')) {
        const half = (part: string) => {
          const sixths = (Number.parseFloat(part) * 6) / 100;
          const isWhole = Math.abs(sixths - Math.round(sixths)) < 0.02;
          return `${(((isWhole ? Math.round(sixths) : Math.floor(sixths) + 0.5) / 6) * 100).toFixed(1)}%`;
        };
        const fills = bar.style.getPropertyValue('--fills').replace(/[\d.]+%/g, half);
        bar.style.setProperty('--fills', fills);
      }
      for (const row of copy.querySelectorAll('[data-pace="slow"]')) row.setAttribute('data-pace', 'usual');
      for (const place of copy.querySelectorAll<HTMLInputElement>('input[type="range"]')) {
        place.value = String((Number(place.min) + Number(place.max)) / 2);
      }
      for (const bar of copy.querySelectorAll('.timeline-bar')) bar.setAttribute('width', '40');
      for (const band of copy.querySelectorAll('.timeline-band')) band.setAttribute('d', 'M30 0H60V16H30z');
      document.body.replaceWith(copy);
      const letters = new CSSStyleSheet();
      letters.replaceSync(fonts);
      document.adoptedStyleSheets = [letters];
      return true;
    },
    { wanted, volatile, fonts: FONTS, duration: DURATION.source, durations: DURATIONS, estimates: ESTIMATES, usually: USUALLY },
    { polling: 'raf', timeout: 60_000 },
  );
  await seen.catch(async (error: unknown) => {
    const texts = wanted.map(async ({ selector, text }) => {
      const shown = await page.locator(selector).allTextContents();
      return `${selector} /${text}/: ${JSON.stringify(shown)}`;
    });
    throw new Error(`${page.url()} does not show all of\n${(await Promise.all(texts)).join('\n')}`, { cause: error });
  });
}
