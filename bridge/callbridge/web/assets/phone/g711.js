// G.711 mu-law and 16-bit samples, as telephones carry them (ITU-T G.711, tables 2a and 2b).

const BIAS = 33; // of the 14-bit magnitude
const MAX = 8191 - BIAS;

function encode(sample) {
  const x = Math.max(-32768, Math.min(32767, Math.round(sample * 32768))) >> 2;
  const sign = x < 0 ? 0x80 : 0;
  const magnitude = Math.min(x < 0 ? ~x : x, MAX) + BIAS;
  const segment = 26 - Math.clz32(magnitude); // 0 to 7: where its first bit is
  return ~(sign | (segment << 4) | ((magnitude >> (segment + 1)) & 0x0f)) & 0xff;
}

const DECODED = Float32Array.from({length: 256}, (_, code) => {
  const inverted = ~code & 0xff;
  const segment = (inverted >> 4) & 7;
  const magnitude = ((((inverted & 0x0f) << 1) + BIAS) << segment) - BIAS;
  return ((inverted & 0x80 ? -magnitude : magnitude) * 4) / 32768;
});

/** What a call carries: how many samples a second, and a frame of 20 ms there and back. */
export const CODECS = {
  PCMU: {
    rate: 8000,
    encode: (samples) => Uint8Array.from(samples, encode).buffer,
    decode: (payload) => Float32Array.from(new Uint8Array(payload), (code) => DECODED[code]),
  },
  L16: {
    rate: 16000,
    encode: (samples) => {
      const view = new DataView(new ArrayBuffer(2 * samples.length));
      samples.forEach((sample, at) => {
        view.setInt16(2 * at, Math.max(-32768, Math.min(32767, Math.round(sample * 32768))), true);
      });
      return view.buffer;
    },
    decode: (payload) => {
      const view = new DataView(payload);
      return Float32Array.from({length: view.byteLength / 2}, (_, at) => view.getInt16(2 * at, true) / 32768);
    },
  },
};
