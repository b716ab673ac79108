import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

import org.objectweb.asm.Opcodes;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.LdcInsnNode;
import org.objectweb.asm.tree.MethodInsnNode;
import org.objectweb.asm.tree.MethodNode;

/** Parts of the API that are found by the id of a provider: `/{extension}` stands for each registered factory's id. */
final class Extensions {

    /** One extension: its id in the path, the features that it wants, and its resource classes. */
    record Extension(String id, Set<String> features, Set<String> targets) {
    }

    private final Jars jars;
    private final Returned returned;

    Extensions(Jars jars) {
        this.jars = jars;
        this.returned = new Returned(jars);
    }

    /** The provider type of a `session.getProvider(Type.class, id)` in the code; null where there is none. */
    static String providerLookedUpById(Code code) {
        if (code == null) {
            return null;
        }
        String type = null;
        for (AbstractInsnNode instruction : code.method().instructions) {
            if (instruction instanceof LdcInsnNode constant && constant.cst instanceof org.objectweb.asm.Type loaded) {
                type = loaded.getInternalName();
            }
            if (instruction instanceof MethodInsnNode call && call.name.equals("getProvider") && call.owner.endsWith("/KeycloakSession")
                    && call.desc.startsWith("(Ljava/lang/Class;Ljava/lang/String;)")) {
                return type;
            }
        }
        return null;
    }

    /** What the factories of `provider` lead to. */
    List<Extension> of(String provider) {
        List<Extension> found = new ArrayList<>();
        for (var service : jars.services.entrySet()) {
            if (service.getKey().replace('.', '/').equals(provider + "Factory")) {
                for (String factory : service.getValue()) {
                    found.add(extension(factory.replace('.', '/')));
                }
            }
        }
        return found;
    }

    private Extension extension(String factory) {
        ClassNode node = jars.index.get(factory);
        Set<String> features = new TreeSet<>();
        node.methods.stream().filter(method -> method.name.equals("isSupported"))
                .forEach(method -> Features.askedIn(new Code(node, method), features));
        Set<String> targets = new TreeSet<>();
        for (String implementation : returnedBy(factory, "create")) {
            targets.addAll(returnedBy(implementation, "getResource"));
        }
        return new Extension(idOf(factory), features, targets);
    }

    private Set<String> returnedBy(String owner, String name) {
        Set<String> found = new TreeSet<>();
        for (MethodNode method : jars.index.get(owner).methods) {
            if (method.name.equals(name) && method.instructions.size() > 0) {
                found.addAll(returned.classes(new Code(jars.index.get(owner), method), owner));
            }
        }
        return found;
    }

    private static String idOf(String factory) {
        try {
            Object made = Class.forName(factory.replace('/', '.')).getDeclaredConstructor().newInstance();
            return (String) made.getClass().getMethod("getId").invoke(made);
        } catch (ReflectiveOperationException error) {
            throw new IllegalStateException("cannot ask " + factory + " for its id", error);
        }
    }
}
