import type { Scene } from '../scene.ts';

const as = 'partner';

/** Organizations of a partner, their users and keys. */
export async function callOrganizations(scene: Scene): Promise<void> {
  const name = scene.freshName('customer');
  await scene.call({ operation: 'GET /api/organizations', as });
  const made = await scene.call({ operation: 'POST /api/organizations', body: { name }, as });
  const id: string =
    made?.data.id ?? (await scene.make('POST', '/api/organizations', { name: `${name} again` }, as)).id;
  const params = [id];
  await scene.call({ operation: 'GET /api/organizations/{id}', params, as });
  await scene.call({
    operation: ['PUT /api/organizations/{id}', 'PATCH /api/organizations/{id}'],
    params,
    body: { name: scene.freshName('renamed') },
    as,
  });
  await callUsers(scene, id);
  await callShared(scene, id);
  await scene.call({ operation: 'DELETE /api/organizations/{id}', params, as });
}

async function callUsers(scene: Scene, organization: string): Promise<void> {
  const users = '/api/organizations/{org_id}/users';
  const body = { email: `${scene.freshName('user').replaceAll(/\W+/g, '-')}@example.org`, role: 'admin' };
  await scene.call({ operation: `GET ${users}`, params: [organization], as });
  const made = await scene.call({ operation: `POST ${users}`, params: [organization], body, as });
  const params = [organization, made?.data.id ?? ''];
  await scene.call({ operation: `GET ${users}/{id}`, params, as });
  await scene.call({ operation: [`PUT ${users}/{id}`, `PATCH ${users}/{id}`], params, body, as });
  await scene.call({ operation: `POST ${users}/{id}/keys`, params, as });
  await scene.call({ operation: `DELETE ${users}/{id}`, params, as });
}

/** A connection of the partner, lent to an organization. */
async function callShared(scene: Scene, child: string): Promise<void> {
  const { organizationId, sourceId } = scene.furniture;
  const shared = '/api/organizations/{org_id}/connections/{connection_id}/shared';
  const params = [organizationId, sourceId];
  const body = { child_organization_id: child, name: scene.freshName('lent') };
  await scene.call({ operation: `POST ${shared}`, params, body, as });
  await scene.call({
    operation: 'POST /api/connections/{parent_connection_id}/share',
    params: [sourceId],
    body: { ...body, name: scene.freshName('lent') },
    as,
  });
  await scene.call({ operation: `GET ${shared}`, params, as });
  await scene.call({ operation: 'GET /api/connections/{parent_connection_id}/shared', params: [sourceId] });
}

/** The caller's own organization and its users. */
export async function callOwnOrganization(scene: Scene): Promise<void> {
  const users = '/api/organization/users';
  await scene.call({ operation: 'GET /api/organization' });
  await scene.call({ operation: `GET ${users}` });
  const email = `${scene.freshName('colleague').replaceAll(/\W+/g, '-')}@example.org`;
  const made = await scene.call({ operation: `POST ${users}`, body: { email, role: 'member' } });
  const params = [made?.data.id ?? ''];
  await scene.call({ operation: `GET ${users}/{id}`, params });
  await scene.call({ operation: `PUT ${users}/{id}`, params, body: { role: 'admin' } });
  await scene.call({ operation: `DELETE ${users}/{id}`, params });
}

/** Roles and policies. */
export async function callPermissions(scene: Scene): Promise<void> {
  const [roles, policies] = ['/api/permissions/roles', '/api/permissions/policies'];
  await scene.call({ operation: `GET ${roles}` });
  const role = await scene.call({ operation: `POST ${roles}`, body: { name: scene.freshName('role') } });
  const roleId: string = role?.data.id ?? '';
  await scene.call({ operation: `GET ${roles}/{id}`, params: [roleId] });
  await scene.call({
    operation: [`PUT ${roles}/{id}`, `PATCH ${roles}/{id}`],
    params: [roleId],
    body: { name: scene.freshName('role') },
  });
  const body = () => ({ name: scene.freshName('policy'), policy_actions: [{ action: 'edit', role_ids: [roleId] }] });
  await scene.call({ operation: `GET ${policies}` });
  const policy = await scene.call({ operation: `POST ${policies}`, body: body() });
  const params = [policy?.data.id ?? ''];
  await scene.call({ operation: `GET ${policies}/{id}`, params });
  await scene.call({ operation: [`PUT ${policies}/{id}`, `PATCH ${policies}/{id}`], params, body: body() });
  await scene.call({ operation: `DELETE ${policies}/{id}`, params });
  await scene.call({ operation: `DELETE ${roles}/{id}`, params: [roleId] });
}
