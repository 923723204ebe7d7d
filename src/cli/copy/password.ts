import { askSecret } from '../prompt.ts';
import type { Session } from '../session.ts';
import { UsageError } from '../usage-error.ts';
import type { Endpoint, Side } from './endpoint.ts';

/**
 * Gives a PostgreSQL end its password: from PGPASSWORD, else from the person at the terminal, else none.
 * @throws `UsageError` when the person gave none
 */
export async function withPassword(session: Session, end: Endpoint, side: Side): Promise<Endpoint> {
  if (end.kind === 'saved' || end.type !== 'postgresql' || end.configuration.password !== undefined) return end;
  const password = session.environment.PGPASSWORD ?? (await ask(session, end.configuration, side));
  return { ...end, configuration: { ...end.configuration, password } };
}

async function ask(session: Session, configuration: Readonly<Record<string, unknown>>, side: Side): Promise<string> {
  if (session.input.isTTY !== true) return '';
  const { username, hostname, database } = configuration;
  const question = `Password of ${username} at ${hostname}/${database} (${side}): `;
  const answer = await askSecret(question, session.input, session.err);
  if (answer === null) throw new UsageError('No password was given; nothing was copied.');
  return answer;
}
