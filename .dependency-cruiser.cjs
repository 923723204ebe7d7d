/** Which room may import which. What is not listed is forbidden; main.ts and worker.ts wire everything. */
const MAY_IMPORT = {
  core: [],
  runtime: ['core'],
  contract: ['core'],
  store: ['core'],
  formats: ['core'],
  'connector-kit': ['formats', 'core'],
  connectors: ['connector-kit', 'formats', 'core'],
  engine: ['connector-kit', 'formats', 'store', 'core'],
  operations: ['connector-kit', 'store', 'core'],
  scheduler: ['operations', 'store', 'core'],
  api: ['contract', 'operations', 'core'],
  cli: ['contract', 'runtime'],
};

/** Tests may set up what they like, except that they too stay in their room or the test rooms. */
const TEST = '(\\.test\\.ts$|^src/connector-kit/testing/)';

const rooms = Object.entries(MAY_IMPORT).map(([room, allowed]) => ({
  name: `room-${room}`,
  comment: `${room} may import ${[room, ...allowed].join(', ')} only: the thing lives in the wrong room, or main.ts passes it in`,
  severity: 'error',
  from: { path: `^src/${room}/`, pathNot: '\\.test\\.ts$' },
  to: { path: '^src/', pathNot: `^src/(${[room, ...allowed].join('|')})/` },
}));

const doors = Object.keys(MAY_IMPORT).map((room) => ({
  name: `door-${room}`,
  comment: `${room} is entered through its index.ts`,
  severity: 'error',
  from: { path: '^(src|bench|demo|tests)/', pathNot: `^src/${room}/` },
  to: {
    path: `^src/${room}/`,
    // The kit's inner rooms (http, sql, files, testing) have doors of their own.
    pathNot: [
      `^src/${room}/index\\.ts$`,
      ...(room === 'connector-kit' ? ['^src/connector-kit/[^/]+/index\\.ts$'] : []),
      // Threads load the pipelines only.
      ...(room === 'engine' ? ['^src/engine/pipeline/index\\.ts$'] : []),
    ],
  },
}));

module.exports = {
  forbidden: [
    ...rooms,
    ...doors,
    {
      name: 'known-rooms',
      comment: 'every folder of src is a room of the table above',
      severity: 'error',
      from: {},
      to: { path: '^src/[^/]+/', pathNot: `^src/(${Object.keys(MAY_IMPORT).join('|')})/` },
    },
    {
      name: 'connectors-apart',
      comment: 'connectors do not import each other',
      severity: 'error',
      from: { path: '^src/connectors/([^/]+)/' },
      to: { path: '^src/connectors/[^/]+/', pathNot: '^src/connectors/$1/' },
    },
    {
      name: 'core-without-npm',
      comment: 'core holds words only',
      severity: 'error',
      from: { path: '^src/core/', pathNot: TEST },
      to: { dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'no-test-in-code',
      comment: 'code does not import tests or what only tests need',
      severity: 'error',
      from: { path: '^src/', pathNot: TEST },
      to: { path: '(^(tests|bench|demo)/|\\.test\\.ts$|^src/connector-kit/testing/)' },
    },
    {
      name: 'no-dev-dependency-in-code',
      comment: 'the published package does not carry devDependencies',
      severity: 'error',
      from: { path: '^src/', pathNot: TEST },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'nobody-imports-the-roots',
      comment: 'what lies above the rooms wires them together, and no room knows it',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: TEST },
      to: { path: '^src/[^/]+\\.ts$' },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'resolvable',
      comment: 'an import that resolves nowhere would hide a broken rule',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    // Under TypeScript 7 the default parser finds no module at all and reports success.
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|\\.millrace)/' },
    builtInModules: { add: ['node:sqlite'] },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['node', 'import', 'default'],
      extensions: ['.ts', '.mjs', '.js', '.json'],
    },
  },
};
