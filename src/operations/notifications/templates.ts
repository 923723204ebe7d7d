import type { MailFacts, MailTemplate } from '../../store/index.ts';

/** A mail without its recipient. */
interface Rendered {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** What a mail says, before it has a form: paragraphs, facts as label and value, and an address to go to. */
interface Letter {
  readonly subject: string;
  readonly paragraphs: readonly string[];
  readonly facts: readonly (readonly [string, string])[];
  readonly link: { readonly label: string; readonly url: string } | null;
}

/** Makes the text of a mail. @param publicUrl where people reach this server, no slash at its end */
export function renderMail(template: MailTemplate, facts: MailFacts, publicUrl: string): Rendered {
  const letter = LETTERS[template](facts, publicUrl);
  return { subject: toLine(letter.subject), text: toText(letter), html: toHtml(letter) };
}

const LETTERS: Readonly<Record<MailTemplate, (facts: MailFacts, publicUrl: string) => Letter>> = {
  execution_failed: (facts, publicUrl) => {
    const name = String(facts.sync_name ?? 'A sync');
    const isWhole = facts.status === 'failed' || facts.status === 'interrupted';
    const rejected = Number(facts.rejected_records ?? 0);
    return {
      subject: isWhole ? `Bulk sync "${name}" failed` : `Bulk sync "${name}" completed with errors`,
      paragraphs: [
        isWhole
          ? `An execution of the bulk sync "${name}" failed.`
          : `An execution of the bulk sync "${name}" left something out.`,
        ...(typeof facts.status_message === 'string' ? [facts.status_message] : []),
      ],
      facts: [
        ...optional('Schemas that failed', toFailed(facts)),
        ...optional('Records that were refused', rejected === 0 ? null : String(rejected)),
        ['Sync', String(facts.sync_id)],
        ['Execution', String(facts.execution_id)],
      ],
      link: {
        label: 'What it told',
        url: `${publicUrl}/api/bulk/syncs/${facts.sync_id}/executions/${facts.execution_id}/consolelog`,
      },
    };
  },
  logs_exported: (facts) => ({
    subject: `The logs of "${facts.sync_name}" are ready`,
    paragraphs: [
      `The logs of an execution of "${facts.sync_name}" that you asked for are ready. The link opens without a key: pass it on to nobody who may not see them.`,
    ],
    facts: [
      ['Execution', String(facts.execution_id)],
      ['The link works until', String(facts.expires)],
    ],
    link: { label: 'Download', url: String(facts.url) },
  }),
  invitation: (facts, publicUrl) => ({
    subject: `You were invited to ${facts.organization_name}`,
    paragraphs: [
      `${facts.invited_by ?? 'Somebody'} added you to the organization ${facts.organization_name} on Millrace.`,
      'Ask them for an API key; it is shown once, to who makes it.',
    ],
    facts: [],
    link: { label: 'Millrace', url: publicUrl },
  }),
};

function toFailed(facts: MailFacts): string | null {
  const count = Number(facts.failed_count ?? 0);
  if (count === 0) return null;
  const names = String(facts.failed_schemas ?? '');
  return count > names.split(', ').length ? `${count}, among them ${names}` : names;
}

function optional(label: string, value: string | null): readonly (readonly [string, string])[] {
  return value === null ? [] : [[label, value]];
}

/** A subject is one line. */
function toLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

function toText({ paragraphs, facts, link }: Letter): string {
  const parts = [
    ...paragraphs,
    ...(facts.length === 0 ? [] : [facts.map(([label, value]) => `${label}: ${value}`).join('\n')]),
    ...(link === null ? [] : [`${link.label}: ${link.url}`]),
  ];
  return `${parts.join('\n\n')}\n`;
}

function toHtml({ subject, paragraphs, facts, link }: Letter): string {
  const rows = facts.map(([label, value]) => `<tr><td>${escapeHtml(label)}</td><td>${escapeHtml(value)}</td></tr>`);
  return [
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(subject)}</title></head>`,
    '<body style="font-family:sans-serif;max-width:40rem">',
    ...paragraphs.map((text) => `<p>${escapeHtml(text)}</p>`),
    ...(rows.length === 0 ? [] : [`<table cellpadding="4">${rows.join('')}</table>`]),
    ...(link === null ? [] : [`<p><a href="${escapeHtml(link.url)}">${escapeHtml(link.label)}</a></p>`]),
    '</body></html>\n',
  ].join('\n');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
