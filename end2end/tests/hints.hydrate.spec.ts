// Why one waits: what vCenter says of it moves on the page, and nothing of it is kept.
import { expect, test } from '../support/fixtures.ts';

// What a test lets fail is noted by the browser.
test.use({ expectedErrors: [/net::ERR_/] });

interface History {
  items: { type: string; payload: Record<string, unknown> }[];
}

test('what the guest lacks is said, also to who comes late, and is not kept', async ({ page, watched, server, vmName }) => {
  const id = await server.askToStay(vmName);
  await watched.open(id);
  const why = watched.step('WAITING_FOR_NETWORK').locator('.step-why');
  await expect(why).toHaveText(/^Tools running, NIC connected, only fe80:[0-9a-f:]+ seen, which is link-local$/);
  // Nothing new will be reported for long: who comes now is told what is known.
  await page.reload();
  await watched.isLive();
  await expect(why).toHaveText(/which is link-local$/);
  const { items } = await server.json<History>(`/api/requests/${id}/history`);
  expect(JSON.stringify(items)).not.toMatch(/link-local|Tools|percent/);
  await server.cancel(id);
});

test('the next try is counted down to', async ({ page, watched, server, vmName }) => {
  const id = await server.askToStay(vmName);
  const route = `/api/requests/${id}/provisioning-progress`;
  const progress = await server.json<{ serverTime: string }>(route);
  // A real pause is as short as a second: here the stream tells of a long one.
  const nextAt = new Date(Date.parse(progress.serverTime) + 90_000).toISOString();
  const waiting = { for: 'retry', try: 3, nextAt, reason: 'vCenter is not answering' };
  const story = JSON.stringify({ ...progress, waiting });
  const body = `event: reset\ndata: {"reason":"for a test"}\n\nevent: snapshot\nid: x.9\ndata: ${story}\n\n`;
  await page.route('**/events?*', (asked) => asked.fulfill({ contentType: 'text/event-stream', body }));
  await page.route(`**${route}`, (asked) => asked.abort());
  await watched.open(id);
  const line = page.locator('.waiting-next');
  await expect(line).toHaveText(/^Trying again in (1 min \d+ s|1 min|\d+ s) \(try 3\)\.$/);
  const first = await line.innerText();
  await expect(line).not.toHaveText(first);
  await expect(watched.answer).toHaveText('Waiting to try again');
  await expect(page.getByText('vCenter is not answering')).toBeVisible();
  await server.cancel(id);
});

test('an earlier attempt keeps its times, its reason and the pause after it', async ({ page, watched, server, vmName }) => {
  const id = await server.ask({ name: vmName, template: 'demo-fails-configuring' });
  expect(await server.finished(id)).toBe('failed');
  await watched.open(id);
  await expect(page.getByRole('list', { name: 'Undone' }).getByRole('listitem').last()).toContainText('Nothing left behind');
  await watched.tryAgain();
  const earlier = page.getByRole('region', { name: 'Earlier attempts' }).getByRole('listitem').first();
  await expect(earlier).toContainText('Attempt 1: Failed');
  await expect(earlier).toContainText(/took [\d.]+ s · tried again after \d+ s/);
  await expect(earlier).toContainText('VMware Tools in the template are too old');
});
