// A customer in JavaScript: the platform's official SDK against a carrier, whose address and keys are
// in the environment. What has been seen on the way is printed as JSON; the first surprise ends it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import Telnyx from 'telnyx';

const CALLEE = '+13125550199'; // presses 5 when spoken to
const OURS = '+14155550100';
const sdk = new Telnyx({ maxRetries: 0 });
const carrier = new URL('/carrier/calls', sdk.baseURL);
const seen = { events: [], refused: [] };

// ---- our page for webhooks ---------------------------------------------------------------------

const waiting = []; // of the events that came and were not asked for yet
let wake = () => {};
const page = createServer(async (request, response) => {
  const body = Buffer.concat(await request.toArray()).toString();
  try {
    const { data } = await sdk.webhooks.unwrap(body, { headers: request.headers });
    await assert.rejects(sdk.webhooks.unwrap(`${body} `, { headers: request.headers }), {
      name: 'TelnyxWebhookVerificationError',
    });
    waiting.push(data);
    seen.events.push(data.event_type);
    response.end();
  } catch (error) {
    seen.refused.push(String(error));
    response.writeHead(403).end();
  }
  wake();
});
page.listen(0, '127.0.0.1');
await once(page, 'listening');
const url = `http://127.0.0.1:${page.address().port}/`;

/** The payload of the next event of a type on a call. */
async function event(type, call) {
  const isIt = (each) => each.event_type === type && each.payload.call_control_id === call;
  while (!waiting.some(isIt)) {
    assert.deepEqual(seen.refused, []);
    await new Promise((resolve) => (wake = resolve));
  }
  return waiting.splice(waiting.findIndex(isIt), 1)[0].payload;
}

/** A stranger without the platform's key. */
const forged = await fetch(url, { method: 'POST', body: '{"data": {}}' });
assert.equal(forged.status, 403);
seen.refused.length = 0;

// ---- an application, and a call that goes out ----------------------------------------------------

const { data: application } = await sdk.callControlApplications.create({
  application_name: 'walk',
  webhook_event_url: url,
});
const { data: dialled } = await sdk.calls.dial({
  connection_id: application.id,
  to: CALLEE,
  from: OURS,
  client_state: Buffer.from('walk').toString('base64'),
});
const out = dialled.call_control_id;
assert.equal((await event('call.initiated', out)).direction, 'outgoing');
const answered = await event('call.answered', out);
assert.equal(Buffer.from(answered.client_state, 'base64').toString(), 'walk');
await sdk.calls.actions.speak(out, { payload: 'Press five, please.', voice: 'female' });
await event('call.speak.ended', out);
seen.pressed = (await event('call.dtmf.received', out)).digit;

seen.active = [];
for await (const each of sdk.connections.listActiveCalls(application.id)) {
  seen.active.push(each.call_control_id);
}
assert.deepEqual(seen.active, [out]);
await sdk.calls.actions.hangup(out);
seen.cause = (await event('call.hangup', out)).hangup_cause;

// ---- a call that comes in ------------------------------------------------------------------------

await sdk.numberOrders.create({
  phone_numbers: [{ phone_number: OURS }],
  connection_id: application.id,
});
const rung = await fetch(carrier, {
  method: 'POST',
  headers: { authorization: `Bearer ${sdk.apiKey}` },
  body: JSON.stringify({ to: OURS, steps: [{ wait: 'answered' }, { wait: 'hangup' }] }),
});
const { call_control_id: call } = await rung.json();
assert.equal((await event('call.initiated', call)).direction, 'incoming');
await sdk.calls.actions.answer(call);
await event('call.answered', call);
await sdk.calls.actions.hangup(call);
await event('call.hangup', call);

// ---- queues ----------------------------------------------------------------------------------------

const { data: queue } = await sdk.queues.create({ queue_name: 'walkers', max_size: 5 });
assert.equal(queue.max_size, 5);
const names = [];
for await (const each of sdk.queues.list()) names.push(each.name);
assert.deepEqual(names, ['walkers']);
await sdk.queues.delete('walkers');
await assert.rejects(sdk.queues.retrieve('walkers'), Telnyx.NotFoundError);

// ---- errors ----------------------------------------------------------------------------------------

await assert.rejects(sdk.calls.actions.hangup(call), (error) => {
  assert.ok(error instanceof Telnyx.UnprocessableEntityError);
  seen.code = error.error.errors[0].code;
  return true;
});
const stranger = new Telnyx({ apiKey: 'wrong', maxRetries: 0 });
await assert.rejects(stranger.queues.retrieve('walkers'), Telnyx.AuthenticationError);

page.close();
console.log(JSON.stringify(seen));
