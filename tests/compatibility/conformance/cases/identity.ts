import type { Scene } from '../scene.ts';

/** Who calls. */
export async function callIdentity(scene: Scene): Promise<void> {
  await scene.call({ operation: 'GET /api/me' });
}
