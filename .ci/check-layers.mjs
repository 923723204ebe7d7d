// Checks .dependency-cruiser.cjs over our folders. A parser that reads nothing must not look like a clean house,
// so no module at all is a failure.
import swcVisitor from '@swc/core/Visitor.js';
import { cruise, format } from 'dependency-cruiser';
import extractDepcruiseOptions from 'dependency-cruiser/config-utl/extract-depcruise-options';

const FOLDERS = ['src', 'tests', 'bench', 'demo'];

// dependency-cruiser walks what swc parsed with swc's own visitor, which stops at `using` declarations.
const { prototype } = swcVisitor.Visitor;
const { visitStatement } = prototype;
prototype.visitStatement = function visit(statement) {
  if (statement.type !== 'UsingDeclaration') return visitStatement.call(this, statement);
  statement.decls = statement.decls.map((declaration) => this.visitVariableDeclarator(declaration));
  return statement;
};

const options = await extractDepcruiseOptions('./.dependency-cruiser.cjs');
const { output } = await cruise(FOLDERS, options);
const { totalCruised, totalDependenciesCruised, error } = output.summary;
const cruised = `${totalCruised} modules, ${totalDependenciesCruised} dependencies`;

if (totalCruised === 0 || totalDependenciesCruised === 0) {
  process.stderr.write(`Checked ${cruised}: the rules were applied to nothing.\n`);
  process.exitCode = 1;
} else if (error > 0) {
  process.stderr.write((await format(output, { outputType: 'err-long' })).output);
  process.exitCode = 1;
} else {
  process.stdout.write(`Layers hold: ${cruised}.\n`);
}
