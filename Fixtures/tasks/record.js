// Records what JavaScript does, for the tests of Sources/GearclockCore/Wire: `TZ=UTC node Fixtures/tasks/record.js`.
// gearsloth's contract is what these functions return.
'use strict';
const fs = require('fs');
const path = require('path');
const write = (name, value) => fs.writeFileSync(
  path.join(__dirname, name), '[\n' + value.map((v) => '  ' + JSON.stringify(v)).join(',\n') + '\n]\n');

// SplitMix32, so that the same data are recorded again.
let state = 20260821;
function random() {
  state = (state + 0x9e3779b9) | 0;
  let z = state;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}
const pick = (list) => list[random() % list.length];

// [text, JSON.stringify(JSON.parse(text)) or null where it is no JSON]
const texts = [
  '', ' ', 'null', 'true', 'false', 'tru', 'nulll', '0', '-0', '-', '+1', '01', '-01', '1.', '.5', '1.0', '1.50', '1e5', '1E+5', '1e-5', '1e', '1e+',
  '1e400', '-1e400', '1e-400', '9007199254740991', '9007199254740992', '9007199254740993', '-9007199254740993', '12345678901234567890',
  '123456789012345', '1234567890123456', '999999999999999999999', '1000000000000000000000', '1e20', '1e21', '1e22', '123e-20', '0.000001', '0.0000001',
  '1.7976931348623157e308', '5e-324', '2.2250738585072014e-308', '0.1', '0.30000000000000004', '100', '1e2', '"a"', '"', '"a', '"\\"', '"\\n\\r\\t\\b\\f\\/\\\\\\""',
  '"\\u0041\\u00e9\\u20ac\\ud83d\\ude00"', '"\\u00"', '"\\uZZZZ"', '"\\x41"', '"a\nb"', '"\u007f\u2028\u2029"', '"\\u0000\\u001f\\u0020"', '"é€😀"', '\'a\'',
  '[]', '[ ]', '[1,2]', '[1,]', '[,1]', '[1 2]', '[1', '[', ']', '[[[]]]', '{}', '{ }', '{"a":1}', '{"a":1,}', '{"a"}', '{"a":}', '{a:1}', '{"a":1 "b":2}', '{',
  '}', '{"a":1,"a":2}', '{"b":1,"a":2,"b":3}', '{"2":1,"b":2,"1":3,"a":4}', '{"01":1,"1":2,"-1":3,"4294967294":4,"4294967295":5,"0":6}', '{"":1}',
  '{"__proto__":1,"constructor":2}', '{"a":{"b":[1,{"c":null}]}}', ' {"a" : [ 1 , 2 ] } ', '\ufeff1', '1 2', '1,2', '//1', '/*1*/1', 'NaN', 'Infinity', 'undefined',
  '{"a":1}x', '\t\n\r 1 \t\n\r', '\u00a01', '\v1', '"\\ud83d\\ude00\\u00e9"', '{"\\u0061":1,"a":2}', '[0,-0,0.0,-0.0,0e5]', '1e-7', '123456.789e-3',
  '4.35', '0.1e-6', '1e00021', '10000000000000000000000000000000000000000', '0.00000000000000000000000000000000000000001', '1.0e+0', '123456789.123456789',
];
const stringify = (text) => { try { return JSON.stringify(JSON.parse(text)); } catch { return null; } };
const bits = new DataView(new ArrayBuffer(8));
for (let i = 0; i < 400; i++) {
  bits.setUint32(0, random());
  bits.setUint32(4, random());
  const number = bits.getFloat64(0);
  if (Number.isFinite(number)) texts.push(number.toExponential(17));
  texts.push(String((random() / 2 ** (random() % 64)) * pick([1, 10, 1e6, 1e12, 1e-6])));
}
write('javascript-json.json', texts.map((text) => [text, stringify(text)]));

// [text, milliseconds of new Date(text) or null], in UTC
const dates = [
  '2026-08-21', '2026-08', '2026', '2026-08-21T10:00', '2026-08-21T10:00:00', '2026-08-21T10:00:00Z', '2026-08-21T10:00:00.5Z', '2026-08-21T10:00:00.123Z',
  '2026-08-21T10:00:00+02:00', '2026-08-21T10:00:00-05:30', '2026-08-21T10:00:00+0200', '2026-08-21T10:00:00+02', '2026-08-21 10:00:00', '2026-08-21 10:00',
  '2026-08-21t10:00:00z', '2026-08-21T24:00:00Z', '2026-08-21T24:00:01Z', '2026-08-21T25:00Z', '2026-08-21T10:60Z', '2026-08-21T10:00:60Z', '2026-02-29', '2028-02-29',
  '2026-02-30', '2026-02-32', '2026-13-01', '2026-00-01', '2026-01-00', '2026-8-1', '20260821', '2026-W34-5', '2026-233', '+012026-01-01T00:00:00Z', '+002026-01-01',
  '-000000-01-01T00:00:00Z', '-000001-01-01T00:00:00Z', '0000-01-01', '9999-12-31T23:59:59.999Z', '+010000-01-01T00:00:00Z', '1969-12-31T23:59:59Z', '1970-01-01',
  '2038-01-19T03:14:08Z', '2026-08-21T10:00:00,5Z', '2026-08-21T10Z', '2026-08-21T', '2026-08-21T10:00:00 Z', '2026-08-21T10:00:00.Z', '2026-08-21T1:00Z',
  'Fri, 21 Aug 2026 10:00:00 GMT', 'Fri, 21 Aug 2026 10:00:00 +0300', 'Fri, 21 Aug 2026 10:00:00 -0000', 'Fri, 21 Aug 2026 10:00 UT', '21 Aug 2026 10:00:00 EST',
  '21 Aug 2026 10:00:00 PDT', 'Fri Aug 21 2026 13:00:00 GMT+0300 (Eastern European Summer Time)', 'Fri Aug 21 2026 13:00:00 GMT+0300', 'Fri Aug 21 2026', 'Aug 21 2026',
  'Aug 21, 2026', 'August 21, 2026 10:00 PM', 'August 21, 2026 12:00 AM', 'August 21, 2026 12:30 pm', 'August 21, 2026 13:00 PM', '21 August 2026', '21-Aug-2026',
  '21-Aug-2026 10:00:00', '8/21/2026', '08/21/2026 10:00', '2026/08/21', '2026/08/21 10:00:00', '21/8/2026', '1/2/3', '12/31/99', '1/1/49', '1/1/50',
  'Fri, 21 Aug 26 10:00:00 GMT', 'Mon, 30 Feb 2026 10:00:00 GMT', 'Mon, 32 Jan 2026 10:00:00 GMT', '21 Aug 2026 10:00:00 GMT+3', '21 Aug 2026 10:00:00 +03:00',
  '21 Aug 2026 10:00:00.250 GMT', '21 Aug 2026 25:00:00 GMT', '21 Aug 2026 10:61:00 GMT', '(comment) 21 Aug 2026 (another (nested)) 10:00', '21 Aug 2026 (open',
  'tomorrow', 'now', '', ' ', 'null', 'yesterday 2026', 'x 5', '5', '1755770400', '1755770400000', ' 2026-08-21 ', '2026-08-21 10:00:00 +0200', '2026-08-21 10:00 PM',
  '10:00', 'Fri', 'Aug', 'Aug 2026', '21 Aug', '2026 Aug 21', '2026 21 Aug', 'Thu, 01 Jan 1970 00:00:00 GMT', 'Thu Jan 01 1970 00:00:00 GMT-0800 (PST)',
  '2026-08-21T10:00:00+24:00', '2026-08-21T10:00:00+23:59', '2026-08-21T10:00:00+00:60', '21 Aug 2026 10:00:00 MEZ', '21. Aug 2026', '21 Aug. 2026', '2026.08.21',
  '21.08.2026', '2026-08-21T10:00:00 UTC', '2026-08-21 10:00:00 UTC', '2026-08-21 10:00:00 GMT', '2026-08-21 10:00:00.123456', '2026-08-21T10:00:00.123456Z',
  '2026-08-21T10:00:00.0000001Z', 'Friday, August 21, 2026', 'Friday, 21 August 2026 10:00:00 UTC', '\t2026-08-21', '2026-08-21\n', '2026-08-21Z', '2026-08Z', '2026T10:00Z',
  '2026-08T10:00Z', '-2026-08-21', '275760-09-13', '+275760-09-13T00:00:00.000Z', '+275760-09-13T00:00:00.001Z', '-271821-04-20T00:00:00.000Z',
];
const months = ['Jan', 'February', 'mar', 'APR', 'May', 'june', 'Jul', 'Aug', 'Sept', 'Oct', 'november', 'Dec'];
const two = (n) => String(n).padStart(2, '0');
for (let i = 0; i < 400; i++) {
  const year = pick([1970, 1999, 2000, 2026, 2038, 2100, 9999, 99, 5]);
  const month = random() % 14, day = random() % 33, hour = random() % 26, minute = random() % 62, second = random() % 62;
  const zone = pick(['', 'Z', '+02:00', '-0330', ' GMT', ' +0200', ' EST', ' GMT+0100', '+1', ' PM', ' am']);
  const time = pick(['', `${two(hour)}:${two(minute)}`, `${hour}:${minute}:${second}`, `${two(hour)}:${two(minute)}:${two(second)}.${random() % 1000}`]);
  const date = pick([
    `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`, `${year}-${month}-${day}`, `${month}/${day}/${year}`, `${year}/${month}/${day}`,
    `${day} ${pick(months)} ${year}`, `${pick(months)} ${day}, ${year}`, `${pick(['Mon', 'Tuesday,', 'sun,'])} ${day} ${pick(months)} ${year}`, `${day}-${pick(months)}-${year}`,
  ]);
  dates.push(time === '' ? date : date + pick(['T', ' ']) + time + zone);
}
write('javascript-dates.json', dates.map((text) => {
  const time = new Date(text).getTime();
  return [text, Number.isNaN(time) ? null : time];
}));

// [text, Number(text) as text]
const numbers = [
  '', ' ', '0', '1', '-1', '+1', '1.5', '.5', '5.', '.', '-', '1e3', '1E3', '1e', 'e3', '1e+3', '1e-3', '0x10', '0X1f', '0xg', '0x', '-0x10', '0o17', '0o8', '0b101', '0b2',
  'Infinity', '-Infinity', '+Infinity', 'infinity', 'inf', 'NaN', 'nan', ' 7 ', '\t7\n', '1 2', '1,5', '1_000', '5s', 'abc', '007', '1e400', '1e-400', '0x1p3', '--1', '1.2.3',
];
write('javascript-numbers.json', numbers.map((text) => [text, String(Number(text))]));
