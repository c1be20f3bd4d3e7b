// Writes tokenizer_fixtures.json: small byte-level tokenizers, and how Hugging Face's own library cuts and encodes texts by them.
//
//   npm install --ignore-scripts tokenizers@0.23.2 && node make_tokenizer_fixtures.js > tokenizer_fixtures.json
//
// The tests need the file alone. Texts keep to Unicode 14, whose classes Occam has.
const { Tokenizer } = require('tokenizers');

const LLAMA3 = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" +
  '|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const byteLevel = (words) => ({ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: words });
const sequence = (first, words) => ({ type: 'Sequence', pretokenizers: [first, byteLevel(words)] });
const split = (pattern) => sequence({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }, false);
const PRE_TOKENIZERS = {
  gpt2: byteLevel(true),
  smollm2: sequence({ type: 'Digits', individual_digits: true }, true),
  llama3: split(LLAMA3),
  qwen3: split(LLAMA3.replace('{1,3}', '')),
};
const MISSING = [0x04, 0x06, 0x1d, 0xc0, 0xff];  // of the one like SmolLM2
const MERGES = 160;
const TEXT = "The tokenizer's rule cuts text. We'll see that it isn't hard, and they've said: 12 x 345 = 4140!\n" +
  'Ein Straßenschild, déjà vu, привет мир, 中文字符 and   spaces\n\n\tif (x == 10) { return x + 1; }  // 2026\r\n';

const characters = [];
for (let byte = 0, others = 0; byte < 256; ++byte) {
  const seen = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
  characters.push(String.fromCodePoint(seen ? byte : 256 + others++));
}

let state = 20n;
function below(n) {
  state = (state * 6364136223846793005n + 1442695040888963407n) & ((1n << 64n) - 1n);
  return Number((state >> 33n) % BigInt(n));
}

function definition(name, vocab, merges) {
  return { version: '1.0', truncation: null, padding: null, added_tokens: [],
    normalizer: name == 'qwen3' ? { type: 'NFC' } : null, pre_tokenizer: PRE_TOKENIZERS[name],
    post_processor: null, decoder: byteLevel(true),
    model: { type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: '', end_of_word_suffix: '',
      fuse_unk: false, byte_fallback: false, ignore_merges: name == 'llama3', vocab, merges } };
}

async function pieces(tokenizer, text) {  // bytes of each, by a tokenizer of bytes
  const lengths = [];
  let last = -1;
  for (const word of (await tokenizer.encode(text, null, { addSpecialTokens: false })).getWordIds()) {
    if (word !== last) lengths.push(0);
    last = word;
    lengths[lengths.length - 1]++;
  }
  return lengths;
}

// Merges of the most frequent pairs of the text's pieces.
async function train(name, bytes) {
  const rows = [];
  const data = [...Buffer.from(TEXT)].map((b) => characters[b]);
  let at = 0;
  for (const length of await pieces(bytes, TEXT)) rows.push(data.slice(at, at += length));
  const vocab = {}, merges = [];
  characters.forEach((c, byte) => { if (name != 'smollm2' || !MISSING.includes(byte)) vocab[c] = Object.keys(vocab).length; });
  while (merges.length < MERGES) {
    const counts = new Map();
    for (const row of rows) {
      for (let i = 0; i + 1 < row.length; ++i) {
        const key = row[i] + ' ' + row[i + 1];
        counts.set(key, (counts.get(key) || 0) + 1);
      }
    }
    if (counts.size == 0) break;
    const best = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a))[0];
    const [left, right] = best.split(' ');
    merges.push([left, right]);
    if (!(left + right in vocab)) vocab[left + right] = Object.keys(vocab).length;
    for (const row of rows) {
      for (let i = 0; i + 1 < row.length; ++i) {
        if (row[i] == left && row[i + 1] == right) row.splice(i, 2, left + right);
      }
    }
  }
  if (name == 'llama3') vocab['Ġxylophone'] = Object.keys(vocab).length;  // no merges make it
  return definition(name, vocab, merges);
}

const PARTS = ["a", "Z", "é", "ß", "я", "中", "'", "'s", "'S", "'ll", "'Re", "'vE", "'d", "'ſ", " ", "  ", " ", "\t", "\n", "\r\n", "\r",
  "\u00a0", "\u3000", "\u2028", "\u0085", "\u200b", "1", "34", "567", "8901", "٣", "½", "Ⅷ", ".", "!?", "-", "…", "🙂", "\u0301", "ª", "ǅ", "\u0000",
  "\u001f", "\ufeff", "ก็", "\u{10ffff}", "𠀀", "\ue000", "the", " tokenizer", " xylophone", "they've", "aaaaaaa"];

(async () => {
  const texts = ['', TEXT, ' xylophone xylophone', 'x'.repeat(300)];
  while (texts.length < 50) {
    let text = '';
    for (let i = 2 + below(14); i > 0; --i) text += PARTS[below(PARTS.length)];
    // What NFC would change is another text, and Occam keeps texts as they are.
    if (text.normalize('NFC') === text) texts.push(text);
  }
  const all = { library: 'tokenizers 0.23.2', tokenizers: {}, cases: [] };
  const bytes = {};
  characters.forEach((c, byte) => { bytes[c] = byte; });
  for (const name in PRE_TOKENIZERS) {
    const of_bytes = Tokenizer.fromString(JSON.stringify(definition(name, bytes, [])));
    const made = await train(name, of_bytes);
    const tokenizer = Tokenizer.fromString(JSON.stringify(made));
    all.tokenizers[name] = made;
    for (const text of texts) {
      const ids = (await tokenizer.encode(text, null, { addSpecialTokens: false })).getIds();
      all.cases.push({ tokenizer: name, text: Buffer.from(text).toString('hex'), pieces: await pieces(of_bytes, text), ids });
    }
  }
  const lines = (list) => list.map((x) => JSON.stringify(x)).join(',\n');
  process.stdout.write(`{"library": "${all.library}",\n"tokenizers": {\n` +
    Object.entries(all.tokenizers).map(([name, t]) => `"${name}": ${JSON.stringify(t)}`).join(',\n') +
    `},\n"cases": [\n${lines(all.cases)}]}\n`);
})();
