import { SyncError } from '../core/index.ts';

/** How e-mails leave. */
export interface MailSettings {
  /** `smtp://` or `smtps://`, with user and password where the server wants them. Secret. */
  readonly url: string;
  /** The sender's address. */
  readonly from: string;
}

export interface MailerOptions extends MailSettings {
  /** The address check that all outbound connections pass. */
  readonly resolveHost: (host: string) => Promise<string>;
}

/** One e-mail in both forms. */
interface Message {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

const TIMEOUT_MS = 30_000;

/**
 * Sends e-mails, each over a connection of its own to the address that was checked. With `smtp://` the connection is
 * encrypted as soon as the server offers it, always so before a password is sent; with `smtps://` from the start.
 */
export function createMailer(options: MailerOptions): (message: Message) => Promise<void> {
  const url = new URL(options.url);
  const isSecure = url.protocol === 'smtps:';
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const user = decodeURIComponent(url.username);
  return async (message) => {
    // Loaded when there is something to send: most processes never send, and each command would load a quarter more.
    const { createTransport } = await import('nodemailer');
    const transport = createTransport({
      host: await options.resolveHost(url.hostname),
      port: url.port === '' ? (isSecure ? 465 : 587) : Number(url.port),
      secure: isSecure,
      requireTLS: user !== '',
      tls: { servername: host },
      ...(user === '' ? {} : { auth: { user, pass: decodeURIComponent(url.password) } }),
      connectionTimeout: TIMEOUT_MS,
      greetingTimeout: TIMEOUT_MS,
      socketTimeout: TIMEOUT_MS,
      // What a text names is never fetched or read from the disk.
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    try {
      await transport.sendMail({ from: options.from, ...message });
    } catch (error) {
      throw toMailError(error, `${host}:${transport.options.port ?? ''}`);
    } finally {
      transport.close();
    }
  };
}

/** The server's own words may hold addresses, and nothing secret: it is not told the password in clear. */
function toMailError(error: unknown, server: string): SyncError {
  const said = error instanceof Error ? error.message.split('\n')[0] : String(error);
  return new SyncError('MAIL_FAILED', `The e-mail could not be given to ${server}: ${said}. Check MILLRACE_SMTP_URL.`, {
    cause: error,
  });
}
