import type { FieldDescription } from '../../../core/index.ts';
import type { FormatOffer, OfferedField } from '../../source.ts';
import { describeType } from './column-types.ts';
import { describeUserField } from './field-values.ts';

/** What a reader sends of these fields: `csv` only, which DuckDB itself writes. Those of `asText` travel as their wire text. */
export function offerCsv(fields: readonly FieldDescription[], asText?: ReadonlySet<string>): readonly FormatOffer[] {
  return [{ format: 'csv', fields: fields.map((field) => toOffered(field, asText?.has(field.id) === true)) }];
}

function toOffered(field: FieldDescription, isText: boolean): OfferedField {
  const { convertedTo } = describeType(field.remoteType);
  const isAdded = field.userPath !== undefined;
  const isEnum = field.values !== undefined;
  const shown = isEnum ? 'enum' : field.remoteType;
  const isChanged = isText && field.logicalType.kind !== 'text';
  const target = isChanged ? 'text' : convertedTo;
  const converted = target === null ? null : `${field.id}: ${shown} as ${target}`;
  return {
    id: field.id,
    logicalType: isText ? { kind: 'text' } : field.logicalType,
    wireType: isText || isEnum || isAdded ? 'VARCHAR' : field.remoteType,
    conversion: isAdded ? describeUserField(field, isText) : converted,
    isNullable: field.isNullable,
  };
}
