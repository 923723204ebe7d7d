import { Readable } from 'node:stream';
import { crc32, createDeflateRaw } from 'node:zlib';

/** One file of an archive. */
export interface ZipEntry {
  /** ASCII, without folders that lead out. */
  readonly name: string;
  readonly content: AsyncIterable<string>;
}

interface Written {
  readonly name: Buffer;
  readonly offset: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
}

const LOCAL = 0x04034b50;
const DESCRIPTOR = 0x08074b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20;
/** Sizes and sum stand behind the content, since they are known only then. */
const SIZES_BEHIND = 0x0008;
const DEFLATE = 8;
/** 1 January 1980, the first day that the format knows: what matters stands in the files. */
const FIRST_DAY = 0x0021;
/** Beyond it another form of archive would be needed. */
const MAX_BYTES = 0xffff_fffe;

/**
 * The bytes of a ZIP archive, made while they are read: nothing is held but what is under way.
 * @throws RangeError when the archive, or one of its files, has 4 GiB or more
 * @see PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7 to 4.3.16
 */
export async function* zip(entries: readonly ZipEntry[]): AsyncGenerator<Buffer> {
  const written: Written[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name, 'latin1');
    const header = localHeader(name);
    yield header;
    const tally = { crc: 0, size: 0 };
    let packed = 0;
    // Piped by hand: a failing source must fail the archive.
    for await (const part of deflate(entry.content, tally)) {
      packed += part.length;
      yield part;
    }
    const { crc, size } = tally;
    if (size > MAX_BYTES || offset + packed > MAX_BYTES)
      throw new RangeError(`${entry.name} is too large for an archive`);
    const descriptor = sumsOf(DESCRIPTOR, { crc, packed, size });
    yield descriptor;
    written.push({ name, offset, crc, packed, size });
    offset += header.length + packed + descriptor.length;
  }
  const directory = Buffer.concat(written.map(centralHeader));
  yield directory;
  yield endOf(written.length, directory.length, offset);
}

async function* deflate(content: AsyncIterable<string>, tally: { crc: number; size: number }): AsyncGenerator<Buffer> {
  const packer = createDeflateRaw();
  const source = Readable.from(counted(content, tally));
  source.on('error', (error) => packer.destroy(error));
  try {
    yield* source.pipe(packer);
  } finally {
    source.destroy();
    packer.destroy();
  }
}

async function* counted(content: AsyncIterable<string>, tally: { crc: number; size: number }): AsyncGenerator<Buffer> {
  for await (const text of content) {
    const bytes = Buffer.from(text, 'utf8');
    tally.crc = crc32(bytes, tally.crc);
    tally.size += bytes.length;
    yield bytes;
  }
}

function localHeader(name: Buffer): Buffer {
  const header = Buffer.alloc(30);
  header.writeUInt32LE(LOCAL, 0);
  header.writeUInt16LE(VERSION, 4);
  header.writeUInt16LE(SIZES_BEHIND, 6);
  header.writeUInt16LE(DEFLATE, 8);
  header.writeUInt16LE(FIRST_DAY, 12);
  header.writeUInt16LE(name.length, 26);
  return Buffer.concat([header, name]);
}

function sumsOf(signature: number, { crc, packed, size }: Pick<Written, 'crc' | 'packed' | 'size'>): Buffer {
  const sums = Buffer.alloc(16);
  for (const [index, value] of [signature, crc, packed, size].entries()) sums.writeUInt32LE(value, index * 4);
  return sums;
}

function centralHeader({ name, offset, crc, packed, size }: Written): Buffer {
  const header = Buffer.alloc(46);
  header.writeUInt32LE(CENTRAL, 0);
  header.writeUInt16LE(VERSION, 4);
  header.writeUInt16LE(VERSION, 6);
  header.writeUInt16LE(SIZES_BEHIND, 8);
  header.writeUInt16LE(DEFLATE, 10);
  header.writeUInt16LE(FIRST_DAY, 14);
  for (const [index, value] of [crc, packed, size].entries()) header.writeUInt32LE(value, 16 + index * 4);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt32LE(offset, 42);
  return Buffer.concat([header, name]);
}

function endOf(count: number, directoryBytes: number, directoryOffset: number): Buffer {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(END, 0);
  end.writeUInt16LE(count, 8);
  end.writeUInt16LE(count, 10);
  end.writeUInt32LE(directoryBytes, 12);
  end.writeUInt32LE(directoryOffset, 16);
  return end;
}
