import type { ApiVersion } from '../../src/contract/index.ts';

// Compares what we say about an operation with what is published about it, in the parts that a client depends on.

/** Any OpenAPI node, read by name; the casts in this file name what OpenAPI says stands there. */
type Node = Readonly<Record<string, unknown>>;

/** A part of an operation that we describe otherwise than the published document. */
export interface Deviation {
  readonly version: ApiVersion;
  /** With every path parameter as `{}`. */
  readonly operation: string;
  readonly kind: 'operation' | 'parameter' | 'status' | 'required' | 'field' | 'enum';
  /** Which: a status, a parameter, or a field behind `request` or `response`. */
  readonly subject: string;
  readonly published: string;
  readonly ours: string;
}

interface Field {
  readonly isRequired: boolean;
  /** Allowed values, sorted; null = any. */
  readonly values: readonly string[] | null;
}

/** Everything that differs, in the order of the published operations; ours below `/api/x/` are our own business. */
export function compareDocuments(version: ApiVersion, published: Node, ours: Node): Deviation[] {
  const theirs = listOperations(published);
  const own = listOperations(ours);
  const missing = [...theirs.keys()].filter((name) => !own.has(name));
  const extra = [...own.keys()].filter((name) => !theirs.has(name) && !name.includes(' /api/x/'));
  return [
    ...missing.map(
      (operation): Deviation => ({
        ...{ version, operation, kind: 'operation', subject: 'all of it', published: 'there', ours: 'absent' },
      }),
    ),
    ...extra.map(
      (operation): Deviation => ({
        ...{ version, operation, kind: 'operation', subject: 'all of it', published: 'absent', ours: 'there' },
      }),
    ),
    ...[...theirs].flatMap(([operation, node]) => {
      const mine = own.get(operation);
      return mine === undefined ? [] : compareOperation({ version, operation }, [published, node], [ours, mine]);
    }),
  ];
}

/** Operations by method and path, with every parameter called alike: names differ between documents, places do not. */
function listOperations(document: Node): Map<string, Node> {
  const paths = document.paths as Record<string, Record<string, Node>>;
  return new Map(
    Object.entries(paths)
      .filter(([path]) => path.startsWith('/api/'))
      .flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => [normalize(`${method.toUpperCase()} ${path}`), operation]),
      ),
  );
}

/** `GET /api/connections/{id}` → `GET /api/connections/{}`, without a slash at its end. */
export function normalize(operation: string): string {
  return operation.replace(/\{[^}]+\}/g, '{}').replace(/\/$/, '');
}

type Place = Pick<Deviation, 'version' | 'operation'>;
/** A document and an operation of it. */
type Side = readonly [document: Node, operation: Node];

function compareOperation(place: Place, theirs: Side, ours: Side): Deviation[] {
  return [
    ...compareParameters(place, theirs, ours),
    ...compareStatuses(place, theirs, ours),
    ...compareRequests(place, theirs, ours),
    ...compareResponses(place, theirs, ours),
  ];
}

function compareParameters(place: Place, theirs: Side, ours: Side): Deviation[] {
  const [published, own] = [listParameters(theirs), listParameters(ours)];
  return [...new Set([...published.keys(), ...own.keys()])].flatMap((subject) => {
    const [there, here] = [published.get(subject) ?? 'absent', own.get(subject) ?? 'absent'];
    return there === here ? [] : [{ ...place, kind: 'parameter' as const, subject, published: there, ours: here }];
  });
}

function listParameters([document, operation]: Side): Map<string, string> {
  const parameters = ((operation.parameters ?? []) as Node[]).map((parameter) => resolve(document, parameter));
  return new Map(
    parameters
      .filter((parameter) => parameter.in !== 'path')
      .map((parameter) => [
        `${parameter.in} ${String(parameter.name).toLowerCase()}`,
        parameter.required === true ? 'required' : 'optional',
      ]),
  );
}

/** Each published status must be documented; what we add is allowed by the published `default`. */
function compareStatuses(place: Place, [, theirs]: Side, [, ours]: Side): Deviation[] {
  const own = Object.keys(ours.responses as Node);
  const isSuccess = (status: string): boolean => status.startsWith('2');
  const published = Object.keys(theirs.responses as Node);
  return [
    ...published.filter((status) => !own.includes(status)).map((status) => [status, 'there', 'absent'] as const),
    ...own
      .filter((status) => isSuccess(status) && !published.includes(status))
      .map((status) => [status, 'absent', 'there'] as const),
  ].map(([subject, there, here]) => ({ ...place, kind: 'status', subject, published: there, ours: here }));
}

/** A client that follows the published document must be taken: no field unknown, none required beyond it, no value refused. */
function compareRequests(place: Place, theirs: Side, ours: Side): Deviation[] {
  const [published, own] = [listFields(theirs, 'requestBody'), listFields(ours, 'requestBody')];
  if (own.size === 0 && published.size === 0) return [];
  return [...new Set([...published.keys(), ...own.keys()])].flatMap((name): Deviation[] => {
    const [there, here] = [published.get(name), own.get(name)];
    const subject = `request ${name}`;
    if (there === undefined || here === undefined) {
      if (isBelowUnion(name, there === undefined ? published : own)) return [];
      return [{ ...place, kind: 'field', subject, ...presence(there, here) }];
    }
    return [...compareRequired(place, subject, there, here), ...compareValues(place, subject, there, here)];
  });
}

/** What a client reads must be there: each required field promised, no value that it does not know. */
function compareResponses(place: Place, theirs: Side, ours: Side): Deviation[] {
  const [published, own] = [listFields(theirs, 'responses'), listFields(ours, 'responses')];
  return [...new Set([...published.keys(), ...own.keys()])].flatMap((name): Deviation[] => {
    const [there, here] = [published.get(name), own.get(name)];
    const subject = `response ${name}`;
    if (here === undefined) {
      if (there?.isRequired !== true || isBelowUnion(name, own)) return [];
      return [{ ...place, kind: 'required', subject, ...presence(there, here) }];
    }
    if (there === undefined) {
      return isBelowUnion(name, published) ? [] : [{ ...place, kind: 'field', subject, ...presence(there, here) }];
    }
    const promised = there.isRequired && !here.isRequired ? compareRequired(place, subject, there, here) : [];
    return [...promised, ...compareValues(place, subject, there, here)];
  });
}

function presence(there: Field | undefined, here: Field | undefined): Pick<Deviation, 'published' | 'ours'> {
  const tell = (field: Field | undefined): string =>
    field === undefined ? 'absent' : field.isRequired ? 'required' : 'optional';
  return { published: tell(there), ours: tell(here) };
}

function compareRequired(place: Place, subject: string, there: Field, here: Field): Deviation[] {
  if (there.isRequired === here.isRequired) return [];
  return [{ ...place, kind: 'required', subject, ...presence(there, here) }];
}

function compareValues(place: Place, subject: string, there: Field, here: Field): Deviation[] {
  const tell = (values: readonly string[] | null): string => (values === null ? 'any' : values.join(' '));
  if (tell(there.values) === tell(here.values)) return [];
  // A document that leaves a word open is not contradicted by one that lists what there is.
  if (there.values === null && subject.startsWith('response')) return [];
  return [{ ...place, kind: 'enum', subject, published: tell(there.values), ours: tell(here.values) }];
}

/** True below a free object, of which the other document tells more. */
function isBelowUnion(name: string, fields: ReadonlyMap<string, Field>): boolean {
  const parts = name.split('.');
  return parts.slice(1).some((_, index) => {
    const parent = parts
      .slice(0, index + 1)
      .join('.')
      .replace(/\[\]$/, '');
    return (
      fields.has(parent) &&
      ![...fields.keys()].some((other) => other.startsWith(`${parent}.`) || other.startsWith(`${parent}[].`))
    );
  });
}

/** Every field of the request's body, or of the successful answer's. */
function listFields([document, operation]: Side, part: 'requestBody' | 'responses'): Map<string, Field> {
  const responses = (operation.responses ?? {}) as Record<string, Node>;
  const holder =
    part === 'requestBody'
      ? operation.requestBody
      : Object.entries(responses).find(([status]) => status.startsWith('2'))?.[1];
  const content = resolve(document, (holder ?? {}) as Node).content as Record<string, { schema?: Node }> | undefined;
  const schema = content?.['application/json']?.schema;
  const found = new Map<string, Field>();
  if (schema !== undefined) collect(document, schema, { name: '', seen: [] }, found);
  return found;
}

interface Position {
  readonly name: string;
  /** References that led here, so that a schema that holds itself ends. */
  readonly seen: readonly string[];
}

function collect(document: Node, schema: Node, position: Position, found: Map<string, Field>): void {
  if (typeof schema.$ref === 'string') {
    if (position.seen.includes(schema.$ref)) return;
    const seen = [...position.seen, schema.$ref];
    collect(document, resolve(document, schema), { ...position, seen }, found);
    return;
  }
  for (const part of alternativesOf(schema)) collect(document, part, position, found);
  if (schema.items !== undefined) {
    collect(document, schema.items as Node, { ...position, name: `${position.name}[]` }, found);
  }
  const required = (schema.required ?? []) as string[];
  for (const [key, inner] of Object.entries((schema.properties ?? {}) as Record<string, Node>)) {
    const name = position.name === '' ? key : `${position.name}.${key}`;
    const before = found.get(name);
    const values = valuesOf(document, inner);
    found.set(name, {
      isRequired: required.includes(key) && before?.isRequired !== false,
      values: before === undefined ? values : mergeValues(before.values, values),
    });
    collect(document, inner, { name, seen: position.seen }, found);
  }
}

function alternativesOf(schema: Node): readonly Node[] {
  const alternatives = (schema.anyOf ?? schema.oneOf ?? schema.allOf ?? []) as Node[];
  return alternatives.filter(({ type }) => type !== 'null');
}

function valuesOf(document: Node, schema: Node): readonly string[] | null {
  const resolved = resolve(document, schema);
  if (resolved.const !== undefined) return [String(resolved.const)];
  if (Array.isArray(resolved.enum))
    return resolved.enum
      .filter((value) => value !== null && value !== '')
      .map(String)
      .sort();
  const alternatives = alternativesOf(resolved).map((part) => valuesOf(document, part));
  return alternatives.length === 0 ? null : alternatives.reduce(mergeValues);
}

function mergeValues(one: readonly string[] | null, other: readonly string[] | null): readonly string[] | null {
  return one === null || other === null ? null : [...new Set([...one, ...other])].sort();
}

function resolve(document: Node, node: Node): Node {
  if (typeof node.$ref !== 'string') return node;
  let found: unknown = document;
  for (const part of node.$ref.split('/').slice(1))
    found = (found as Node)[decodeURIComponent(part).replaceAll('~1', '/')];
  return resolve(document, found as Node);
}
