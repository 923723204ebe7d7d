/** What a request field is proved to do, and by which test. */
export interface Proof {
  /** `effect`: its effect is observed. `refusal`: it is refused, by name. `round trip`: it is stored and answered. */
  readonly shows: 'effect' | 'refusal' | 'round trip';
  readonly file: string;
  /** The test's title as it stands in the file. */
  readonly title: string;
  /** A text of the test's table that picks the case, where the title stands for many. */
  readonly row?: string;
}

const OPTIONS = 'tests/integration/sync-options.test.ts';
const SELECTION = 'tests/integration/sync-selection.test.ts';
const CHANGED = 'tests/integration/changed-selection.test.ts';
const CREATE = 'src/api/routes/bulk-syncs-create.test.ts';
const UPDATE = 'src/api/routes/bulk-syncs-update.test.ts';
const SYNCS = 'src/api/routes/bulk-syncs.test.ts';
const SCHEMAS = 'src/api/routes/bulk-schemas.test.ts';
const STARTS = 'src/api/routes/executions.test.ts';
const SCHEDULES = 'tests/integration/schedules.test.ts';
const TIMES = 'src/operations/bulk-syncs/schedules/schedule-times.test.ts';

const effect = (file: string, title: string, row?: string): Proof => proof('effect', file, title, row);
const refusal = (file: string, title: string, row?: string): Proof => proof('refusal', file, title, row);
const roundTrip = (file: string, title: string, row?: string): Proof => proof('round trip', file, title, row);

function proof(shows: Proof['shows'], file: string, title: string, row?: string): Proof {
  return { shows, file, title, ...(row === undefined ? {} : { row }) };
}

type Proofs = Readonly<Record<string, Proof>>;

/** Refusals of a create, each a row of one table. */
const REFUSED = 'answers 422 to %s, and stores nothing';
/** Switching schemas on and off, and where their records land. */
const SWITCHED = 'loads a schema that was switched on, and leaves one alone that was switched off';
const OCCURRENCES = '%j comes at %s';

/** A time of day and week. */
const schedule = (place: string): Proofs => ({
  [`${place}.frequency`]: effect(
    SCHEDULES,
    'runs a sync when its schedule is due, and what came while the server was killed after its next start',
  ),
  [`${place}.minute`]: effect(TIMES, OCCURRENCES),
  [`${place}.hour`]: effect(TIMES, OCCURRENCES),
  [`${place}.day_of_week`]: effect(TIMES, OCCURRENCES),
  [`${place}.day_of_month`]: effect(TIMES, OCCURRENCES),
  [`${place}.month`]: effect(TIMES, OCCURRENCES),
  [`${place}.id`]: effect(UPDATE, 'keeps the default schedule, and the others that are sent with their ids'),
});

/** Options of the sync itself, alike in create and update. */
const SYNC: Proofs = {
  name: roundTrip(CREATE, 'stores every option and gives it back'),
  mode: effect(CHANGED, 'keeps records that left the source by the mode: %s'),
  active: effect(
    'src/scheduler/schedule-runner.test.ts',
    'does not start a sync that is not active, or that is manual',
  ),
  organization_id: refusal(CREATE, REFUSED, 'another organization'),
  policies: roundTrip(CREATE, 'stores every option and gives it back'),
  source_connection_id: effect(CHANGED, SWITCHED),
  source_configuration: refusal(
    STARTS,
    'refuses to run a sync with %s, whose effect comes later',
    'source_configuration.replication_slot',
  ),
  destination_connection_id: effect(CHANGED, SWITCHED),
  destination_configuration: effect(OPTIONS, 'carry the table prefix'),
  default_schedule: effect(
    SCHEDULES,
    'runs a sync when its schedule is due, and what came while the server was killed after its next start',
  ),
  ...schedule('default_schedule'),
  additional_schedules: effect(SCHEDULES, 'reads by an additional schedule the schemas that its selective mode means'),
  ...schedule('additional_schedules[]'),
  'additional_schedules[].schemas': effect(
    'src/operations/bulk-syncs/schedules/choose-start.test.ts',
    'serves several by one execution that does all of it',
  ),
  'additional_schedules[].selective_mode': effect(
    SCHEDULES,
    'reads by an additional schedule the schemas that its selective mode means',
  ),
  'additional_schedules[].resync_mode': effect(
    'src/scheduler/schedule-runner.test.ts',
    'run one after the other where they do different things',
  ),
  automatically_add_new_fields: effect(SELECTION, 'are taken along by automatically_add_new_fields: %s'),
  automatically_add_new_objects: effect(SELECTION, 'are taken along by automatically_add_new_objects: %s'),
  normalize_names: effect(OPTIONS, 'follow normalize_names: %s'),
  disable_record_timestamps: effect(CHANGED, 'leaves its own timestamps out with disable_record_timestamps'),
  data_cutoff_timestamp: effect(
    SELECTION,
    'of the sync do so for every schema with a tracking field, and are declared for others',
  ),
  concurrency_limit: effect(SELECTION, 'bound the lanes of an execution, and those of a resync apart'),
  resync_concurrency_limit: effect(SELECTION, 'bound the lanes of an execution, and those of a resync apart'),
};

const LEAVES_OUT = 'leave records out of the image, and the receipt says so';
const READS_CHOSEN = 'reads only the fields that were chosen, and all of them when none are named any more';

/** Options of one schema, alike wherever a schema is described. */
const ofSchema = (place: string): Proofs => ({
  [`${place}enabled`]: effect(CHANGED, SWITCHED),
  [`${place}fields`]: effect(CHANGED, READS_CHOSEN),
  [`${place}fields[].id`]: effect(CHANGED, READS_CHOSEN),
  [`${place}fields[].enabled`]: effect(CHANGED, READS_CHOSEN),
  [`${place}filters`]: effect(SELECTION, LEAVES_OUT),
  [`${place}filters[].field_id`]: effect(SELECTION, LEAVES_OUT),
  [`${place}filters[].function`]: effect(SELECTION, LEAVES_OUT),
  [`${place}filters[].value`]: effect(SELECTION, LEAVES_OUT),
  [`${place}tracking_field`]: effect(
    CHANGED,
    'begins to read by a tracking field that was set, and reads everything once before',
  ),
  [`${place}partition_key`]: refusal(SCHEMAS, 'refuses %s and names it', 'a partition key'),
  [`${place}data_cutoff_timestamp`]: effect(
    SELECTION,
    'of a schema leave out what its tracking field shows to be older',
  ),
  [`${place}disable_data_cutoff`]: effect(SELECTION, 'can be switched off for one schema'),
});

const OBFUSCATED = 'tests/integration/obfuscation.test.ts';
const OBFUSCATION = effect(
  OBFUSCATED,
  'arrive as hashes, alike for alike values; NULL stays NULL, other fields stay as they are',
);
const OBFUSCATED_LATER = effect(
  OBFUSCATED,
  'keep no clear value in the table when they were written in clear before, deleted records included',
);
const CHOSEN_NAMES = effect(SELECTION, 'win over every rule, and a new one means a new table');
const SENT_BACK = roundTrip(SCHEMAS, 'takes what it answered');

/** An update takes a selection, and does nothing with it but say so. */
const IGNORED = effect(UPDATE, 'leaves the selection alone, and says so when one was sent');
const IN_SELECTION = ['id', 'enabled', 'fields', 'fields[].id', 'fields[].enabled', 'fields[].obfuscate', 'filters'];
const IN_FILTERS = ['filters[].field_id', 'filters[].function', 'filters[].value'];
const AT_THE_END = ['tracking_field', 'partition_key', 'data_cutoff_timestamp', 'disable_data_cutoff'];

const OVERRIDES = 'src/api/routes/schema-overrides.test.ts';
const ONE_SCHEDULE = 'src/api/routes/bulk-schedules.test.ts';
const READ_FROM_JSON = effect(SELECTION, 'are read from inside the JSON, declared, and can be filtered by');
const LABELLED = effect(CHANGED, 'merges by a key that was set over the API, and reads a field that was added over it');
const KEYED = effect(SELECTION, 'make a table without one mergeable');
const EXAMPLE = roundTrip(OVERRIDES, 'keep their example, for which no answer has a place');
const CHANGED_PARTS = effect(OVERRIDES, 'replaces the parts of an added one that are sent');

/** A schedule by itself, whose names are in camelCase. */
const oneSchedule = (title: string): Proofs => {
  const proved = effect(ONE_SCHEDULE, title);
  const names = ['dayOfMonth', 'dayOfWeek', 'frequency', 'hour', 'minute', 'month'];
  return {
    schedule: proved,
    ...Object.fromEntries(names.map((name) => [`schedule.${name}`, proved])),
    'schedule.selectiveMode': effect(ONE_SCHEDULE, 'are added, and act at once'),
  };
};

/** The request fields of each operation, as paths in its body, with what proves them. */
export const PROOFS: Readonly<Record<string, Proofs>> = {
  'POST /api/bulk/syncs': {
    ...SYNC,
    schemas: effect(SYNCS, 'is what was named, and the others stay off and without a name'),
    'schemas[].id': effect(SYNCS, 'is what was named, and the others stay off and without a name'),
    ...ofSchema('schemas[].'),
    'schemas[].fields[].obfuscate': OBFUSCATION,
  },
  'PUT /api/bulk/syncs/{id}': {
    ...SYNC,
    schemas: IGNORED,
    ...Object.fromEntries(
      [...IN_SELECTION, ...IN_FILTERS, ...AT_THE_END].map((name) => [`schemas[].${name}`, IGNORED]),
    ),
  },
  'PATCH /api/bulk/syncs/{id}/schemas': {
    schemas: effect(CHANGED, SWITCHED),
    'schemas[].id': effect(SCHEMAS, 'touches the named schemas only, and answers them'),
    ...ofSchema('schemas[].'),
    'schemas[].fields[].obfuscated': OBFUSCATED_LATER,
    'schemas[].fields[].output_name': SENT_BACK,
    'schemas[].fields[].user_output_name': CHOSEN_NAMES,
    'schemas[].output_name': SENT_BACK,
    'schemas[].user_output_name': CHOSEN_NAMES,
  },
  'PUT /api/bulk/syncs/{id}/schemas/{schema_id}': {
    ...ofSchema(''),
    'fields[].obfuscated': OBFUSCATED_LATER,
    'fields[].user_output_name': CHOSEN_NAMES,
    user_output_name: CHOSEN_NAMES,
  },
  'POST /api/bulk/syncs/{id}/executions': {
    schemas: effect(OPTIONS, 'runs only the schemas that it names'),
    resync_mode: effect(OPTIONS, '%s repairs what was changed in the destination'),
    fetch_mode: effect(
      OPTIONS,
      'reads everything with fetch_mode full, and skips schemas without a tracking field with incremental',
    ),
    test: effect(OPTIONS, 'as a test plans everything, writes nothing and proves nothing'),
  },
  'POST /api/bulk/syncs/{id}/activate': {
    active: effect(STARTS, 'happens when a sync is switched off, by activate or by an update'),
  },
  'POST /api/bulk/syncs/{sync_id}/schedules': oneSchedule('take every part of a time, and come then: %j'),
  'PUT /api/bulk/syncs/{sync_id}/schedules/{schedule_id}': oneSchedule('take every part of a time, and come then: %j'),
  'POST /api/connections/{connection_id}/schemas/{schema_id}/fields': {
    fields: READ_FROM_JSON,
    'fields[].field_id': READ_FROM_JSON,
    'fields[].path': READ_FROM_JSON,
    'fields[].type': READ_FROM_JSON,
    'fields[].label': LABELLED,
    'fields[].example': EXAMPLE,
  },
  'PATCH /api/connections/{connection_id}/schemas/{schema_id}/fields/{field_id}': {
    label: effect(OVERRIDES, 'gives a label to one of the source, which names its column, and takes it back'),
    path: CHANGED_PARTS,
    type: CHANGED_PARTS,
    example: EXAMPLE,
    definition: refusal(OVERRIDES, 'refuses %s', 'a definition'),
  },
  'PUT /api/connections/{connection_id}/schemas/{schema_id}/primary_keys': {
    fields: KEYED,
    'fields[].field_id': KEYED,
    'fields[].is_primary_key': effect(OVERRIDES, 'takes the place of the detected one, may be none, and goes back'),
  },
};

const OLDER = 'src/api/versions/bulk-syncs.test.ts';
const ONE_FOR_SEVERAL = roundTrip(OLDER, 'are the same syncs as in the newest version');
const SAID_ALIKE = effect(
  'src/api/versions/2024-02-08/schedules.test.ts',
  'reads as it was written, but for schedules that never come',
);

/** Request fields that only older versions have; their effect is that of the field of the newest which they become. */
export const OLDER_PROOFS: Proofs = {
  discover: effect(OLDER, 'takes options that are left out back to their defaults'),
  resync: effect(OLDER, 'start with resync as a rebuild'),
  schedule: ONE_FOR_SEVERAL,
  'schedule.frequency': ONE_FOR_SEVERAL,
  'schedule.minute': ONE_FOR_SEVERAL,
  'schedule.hour': ONE_FOR_SEVERAL,
  'schedule.day_of_week': SAID_ALIKE,
  'schedule.day_of_month': SAID_ALIKE,
  'schedule.month': SAID_ALIKE,
  'schedule.multi': ONE_FOR_SEVERAL,
  'schedule.multi.schedules': ONE_FOR_SEVERAL,
  'schedule.multi.schedules[].item': ONE_FOR_SEVERAL,
  'schedule.multi.schedules[].schedule': ONE_FOR_SEVERAL,
  'schedule.multi.type': roundTrip(OLDER, 'take a type of several schedules, which means nothing'),
};

/** Keys of `source_configuration` and `destination_configuration`, which the contract leaves to the connectors. */
export const CONFIGURATION_PROOFS: Proofs = {
  'source_configuration.replication_slot': refusal(
    STARTS,
    'refuses to run a sync with %s, whose effect comes later',
    'source_configuration.replication_slot',
  ),
  'destination_configuration.schema': effect(OPTIONS, 'carry the table prefix'),
  'destination_configuration.mirror_schemas': effect(OPTIONS, 'keep the source’s schemas with mirror_schemas'),
  'destination_configuration.advanced.table_prefix': effect(OPTIONS, 'carry the table prefix'),
  'destination_configuration.advanced.truncate_existing': effect(
    OPTIONS,
    'keeps the table and the views on it when records without a key are replaced',
  ),
  'destination_configuration.advanced.hard_deletes': effect(OPTIONS, 'removes records that left the source'),
};
