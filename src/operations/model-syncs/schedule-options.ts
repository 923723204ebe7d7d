import type { ScheduleFrequency } from '../../core/index.ts';

/** A frequency as forms offer it. */
export interface ScheduleOption {
  readonly frequency: ScheduleFrequency;
  readonly label: string;
  readonly description: string;
  /** JSON Schema of what else the schedule takes. */
  readonly configuration: Readonly<Record<string, unknown>>;
}

const PARTS = {
  minute: { type: 'string', title: 'Minute', description: '0 to 59' },
  hour: { type: 'string', title: 'Hour', description: '0 to 23, UTC' },
  day_of_week: { type: 'string', title: 'Day of the week', description: 'Sunday is 0; names are taken, too' },
  day_of_month: { type: 'string', title: 'Day of the month', description: '1 to 31' },
  month: { type: 'string', title: 'Month', description: '1 to 12; names are taken, too' },
} as const;

const IDS = { type: 'array', items: { type: 'string', format: 'uuid' } };

/** Every frequency that a model sync takes. */
export const SCHEDULE_OPTIONS: readonly ScheduleOption[] = [
  option('manual', 'Manual', 'Only when somebody starts it', []),
  option('continuous', 'Continuous', 'Every five minutes', []),
  option('hourly', 'Hourly', 'Once an hour', ['minute']),
  option('daily', 'Daily', 'Once a day', ['hour', 'minute']),
  option('weekly', 'Weekly', 'Once a week', ['day_of_week', 'hour', 'minute']),
  cron('custom', 'Cron', 'By the five parts of a cron expression'),
  cron('builder', 'Custom', 'By the parts of a time, put together in a form'),
  {
    frequency: 'runafter',
    label: 'After other syncs',
    description: 'When other model syncs or bulk syncs have ended',
    configuration: {
      type: 'object',
      required: ['run_after'],
      properties: {
        run_after: { type: 'object', title: 'Syncs', properties: { sync_ids: IDS, bulk_sync_ids: IDS } },
        run_after_success_only: { type: 'boolean', title: 'Only when they succeed', default: false },
      },
    },
  },
];

function option(
  frequency: ScheduleFrequency,
  label: string,
  description: string,
  parts: readonly (keyof typeof PARTS)[],
): ScheduleOption {
  const properties = Object.fromEntries(parts.map((part) => [part, PARTS[part]]));
  return { frequency, label, description, configuration: { type: 'object', required: parts, properties } };
}

function cron(frequency: ScheduleFrequency, label: string, description: string): ScheduleOption {
  return { frequency, label, description, configuration: { type: 'object', minProperties: 1, properties: PARTS } };
}
